"""The baseline with a SlowFast pathway and an I3D pathway side by side; the tokenizer stays frozen.

python -m futurepred_jax.main --config=configs/both_pathways.py
"""

from ml_collections import ConfigDict

from futurepred_jax.configs import joint_i3d, slowfast


def get_config(preset: str = "tiny") -> ConfigDict:
    """The config of a preset; raises a ValueError for an unknown one."""
    config = slowfast.get_config(preset)
    config.name = "both_pathways"
    config.pathways.i3d = joint_i3d.pathway(preset, config.tokenizer.config)
    config.train.rates = ConfigDict({"pathways/slowfast/network": 0.5, "pathways/i3d/network": 0.5})
    return config
