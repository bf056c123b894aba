"""The baseline for recorded videos, with the tokenizer of configs/natural_tokenizer.py.

python -m futurepred_jax.main --config=configs/natural.py --config.data.source=files:FOLDER

Like its tokenizer, it needs the published VGG weights. No preset has been trained to its end yet.
"""

from ml_collections import ConfigDict

from futurepred_jax.configs import baseline, natural_tokenizer


def get_config(preset: str = "tiny") -> ConfigDict:
    """The config of a preset; raises a ValueError for an unknown one."""
    config = baseline.get_config(preset)
    config.name, config.outlook.config.name = "natural", "natural_outlook"
    natural_tokenizer.natural(config.tokenizer.config)
    return config
