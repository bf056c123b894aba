"""The MagVit of `tokenizer`, trained on single frames, from which `tokenizer` can start.

python -m futurepred_jax.main --config=configs/image_tokenizer.py:tiny
python -m futurepred_jax.main --config=configs/tokenizer.py:tiny --config.init.image=runs/image_tokenizer-tiny \
    --config.objective.warm_steps=0

A batch contains the frames of fewer clips, each frame on its own. An inflated tokenizer initially reconstructs a single
frame exactly as the image tokenizer did. With warm_steps=0 its codebook is used from the first step; during steps
without it, the codebook would no longer match the latents. `debug` reaches 25.27 dB on val_iid after 300 steps. Larger
presets have not been trained yet.
"""

from ml_collections import ConfigDict

from futurepred_jax.configs import tokenizer


def get_config(preset: str = "tiny") -> ConfigDict:
    """The config of a preset; raises a ValueError for an unknown one."""
    config = tokenizer.get_config(preset)
    config.name = "image_tokenizer"
    delattr(config, "init")
    config.model.name = "image_magvit"
    config.model.strides = tuple((1, h, w) for _, h, w in config.model.strides)
    config.train.batch_size //= 2
    config.logging = ConfigDict(tokenizer.logging(config.train.steps, config.train.batch_size))
    return config
