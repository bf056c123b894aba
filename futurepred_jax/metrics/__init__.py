"""Pure scores of predictions against the truth: ``image``, ``motion`` and ``tokens``, reduced by ``scores``."""
