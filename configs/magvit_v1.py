"""The tokenizer of the first MAGVIT on the same clips, to compare reconstructions. Its context tokens see the future.

python -m futurepred_jax.main --config=configs/magvit_v1.py:small

A predictor on its tokens is refused. `small` and `base` have as many filters as MAGVIT-B (64), and `large` as many as
MAGVIT-L (128); all presets have its codebook of 1,024. A clip has 4k frames, one fewer than for a causal tokenizer.
`debug` reaches 20.04 dB on val_iid after 300 steps, with 9 % of the codes in use, and is far from trained. Larger
presets have not been trained yet.
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
