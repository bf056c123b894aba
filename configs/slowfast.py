"""The baseline, and a SlowFast pathway that watches the context: fine-tuned at half the Transformer's rate.

python -m futurepred_jax.main --config=configs/slowfast.py

`tiny`, 1.3 steps a second on one CPU core that other work shared, 256 clips of test_iid: 20.45 dB, an ADE of 1.31 px, a
recall of 0.653 and 8.88 bits a token, where the baseline on the same tokenizer and first guess has 20.44, 1.35, 0.655
and 8.81; with the pathway watching another clip 20.44, 1.32, 0.645 and 8.94.
Larger presets have not been trained yet.
"""

from ml_collections import ConfigDict

from futurepred_jax.configs import baseline, classification

CROSS = {"debug": (0, 1), "tiny": (1, 3), "small": (1, 3), "base": (2, 5), "large": (5, 11, 17)}
# The features whose cells are about a token's size, beside those of the last stages.
FINE = {
    "debug": "slow/res3",
    "tiny": "slow/res3",
    "small": "slow/res4",
    "base": "slow/res4",
    "large": "slow/res4",
}


def get_config(preset: str = "tiny") -> ConfigDict:
    """The config of a preset; raises a ValueError for an unknown one."""
    config = baseline.get_config(preset)
    config.name = "slowfast"
    config.model.cross = CROSS[preset]
    config.pathways = ConfigDict({"slowfast": pathway(preset, config.tokenizer.config)})
    config.train.rates = ConfigDict({"pathways/slowfast/network": 0.5})
    return config


def pathway(preset: str, codec: ConfigDict) -> ConfigDict:
    """The section about the pathway, for a tokenizer's config."""
    return classification.pathway(preset, "slowfast", codec, (FINE[preset], "slow/res5", "fast/res5"))
