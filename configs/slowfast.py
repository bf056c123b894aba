"""The baseline with a SlowFast pathway on the context, which is fine-tuned at half the Transformer's learning rate.

python -m futurepred_jax.main --config=configs/slowfast.py

`tiny` trained at 1.3 steps per second on one CPU core that other work shared. On 256 clips of test_iid it reaches 20.45
dB, an ADE of 1.31 px and a recall of 0.653 at 8.88 bits per token; the baseline with the same tokenizer and first guess
reaches 20.44, 1.35 and 0.655 at 8.81. When the pathway sees another clip, the model reaches 20.44, 1.32 and 0.645 at
8.94. Larger presets have not been trained yet.
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
