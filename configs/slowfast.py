"""The baseline, and a SlowFast pathway that watches the context: fine-tuned at half the Transformer's rate.

python -m futurepred_jax.main --config=configs/slowfast.py
"""

from ml_collections import ConfigDict

from futurepred_jax.configs import baseline, classification

CROSS = {"debug": (0, 1), "tiny": (1, 3), "small": (2, 5), "base": (2, 5), "large": (5, 11, 17)}
FINE = {  # whose cells are about a token's size
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
    config.pathway = classification.pathway(
        preset, "slowfast", config.tokenizer.config, (FINE[preset], "slow/res5", "fast/res5")
    )
    config.train.rates = ConfigDict({"pathway/network": 0.5})
    return config
