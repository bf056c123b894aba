"""Runs predictors and tokenizers on the clips of a split, scores them, and writes the results."""
