"""MAGVIT's first tokenizer on the same clips, to compare reconstructions. Its context tokens see the future.

python -m futurepred_jax.main --config=configs/magvit_v1.py:small

A predictor on its tokens is refused. `small` and `base` have the filters of MAGVIT-B (64), `large` those of MAGVIT-L
(128), all its codebook of 1,024. A clip has 4k frames, one fewer than a causal tokenizer's. `debug`, 300
steps: 20.04 dB on val_iid with 9 % of the codes, far from trained. Larger presets have not been trained yet.
"""

from ml_collections import ConfigDict

from futurepred_jax.configs import tokenizer

FILTERS = {"debug": 8, "tiny": 16, "small": 64, "base": 64, "large": 128}


def get_config(preset: str = "tiny") -> ConfigDict:
    """The config of a preset; raises a ValueError for an unknown one."""
    config = tokenizer.get_config(preset)
    config.name = "magvit_v1"
    delattr(config, "init")
    config.data.frames -= 1
    config.model = ConfigDict(
        {
            "name": "magvit_v1",
            "channels": tuple(FILTERS[preset] * multiplier for multiplier in (1, 2, 2, 4)),
            "blocks": (1, 1, 1, 1) if preset == "debug" else (2, 2, 2, 2),
            "strides": ((2, 2, 2), (2, 2, 2), (1, 2, 2)),
            "quantizer": {"name": "vq", "codebook_size": 1024, "dim": 16},
        }
    )
    return config
