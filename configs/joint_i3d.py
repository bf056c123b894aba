"""Trains a Transformer, and with it the tokenizer and an I3D pathway at a tenth and half of its learning rate.

python -m futurepred_jax.main --config=configs/joint_i3d.py

The tokenizer starts from the baseline's, which must pass the gate, and continues to be trained on reconstruction. In
addition, the expected future is decoded, and its motion is compared with that of the true future by a frozen copy of
the I3D.

`tiny` trained at 0.75 steps per second on one CPU core that two other trainings shared. On 256 clips of test_iid it
reaches 20.29 dB, an ADE of 1.37 px and a recall of 0.686; the baseline with the same first guess reaches 20.44, 1.35
and 0.655. When the pathway sees another clip, the model reaches 20.29, 1.37 and 0.688. Its tokenizer improved from
25.96 to 26.11 dB. `base` has 45.5M parameters. Larger presets have not been trained yet.
"""

from ml_collections import ConfigDict

from futurepred_jax.configs import baseline, classification

CROSS = {"debug": (0, 1), "tiny": (1, 3), "small": (1, 3), "base": (2, 5), "large": (5, 11, 17)}
# The features whose cells are about a token's size, beside those of the last stage.
FINE = {"debug": "res3", "tiny": "res3", "small": "res4", "base": "res4", "large": "res4"}


def get_config(preset: str = "tiny") -> ConfigDict:
    """The config of a preset; raises a ValueError for an unknown one."""
    config = baseline.get_config(preset)
    config.name, config.kind = "joint_i3d", "joint"
    config.model.cross = CROSS[preset]
    config.pathways = ConfigDict({"i3d": pathway(preset, config.tokenizer.config)})
    config.objective.update({"drawing_weight": 1.0, "consistency_weight": 0.1})
    config.train.rates = ConfigDict({"tokenizer": 0.1, "pathways/i3d/network": 0.5})
    return config


def pathway(preset: str, codec: ConfigDict) -> ConfigDict:
    """The section about the pathway, for a tokenizer's config."""
    return classification.pathway(preset, "i3d", codec, (FINE[preset], "res5"))
