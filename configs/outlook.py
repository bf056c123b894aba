"""The first guess of a future that predictors read: the expected codes of all its tokens at once.

python -m futurepred_jax.main --config=configs/outlook.py:tiny

An outlook is trained after the tokenizer and before the predictors, which share it. Evaluations of a predictor score it
too, as first_guess. It moves the pixels of the last frame.

`tiny` trained for 562 seconds on one CPU core that other work shared. On 256 clips of test_iid it reaches 20.80 dB
PSNR, 16.85 dB on the foreground, SSIM 0.621, an ADE of 1.27 px and a recall of 0.576. Variants were compared after
1,000 steps by the frames of the guess itself on 256 clips of val_iid. The model as it is reached 20.38 dB, an ADE of
1.14 px and a recall of 0.504. With all frames as channels of one input, instead of each frame first on its own, it
reached 20.24 dB, 1.21 px and 0.456; with frames processed in pairs, 20.32 dB, 1.20 px and 0.482. A network that maps
tokens to codes reached 19.95 dB and an SSIM of 0.550 on half as many clips of test_iid, because what it is unsure of
fades.

`small` trained for 55 minutes on one CPU core that two other trainings shared. It reaches 21.01 dB, 15.94 on the
foreground, SSIM 0.699, an ADE of 1.96 px of 64 and a recall of 0.670; after half as many steps on half as many clips,
it reached 20.82, 15.78, 0.690, 2.14 and 0.661. A network that maps tokens to codes reached 20.11 dB, 15.11 on the
foreground and SSIM 0.659. Larger presets have not been trained yet.
"""

from typing import Any

from ml_collections import ConfigDict

from futurepred_jax.configs import shared, tokenizer

MODELS: dict[str, dict[str, Any]] = {
    "debug": {"width": 64, "depth": 2},
    "tiny": {"width": 128, "depth": 5},
    "small": {"width": 128, "depth": 5},
    "base": {"width": 128, "depth": 6, **shared.HALF},
    "large": {"width": 1024, "depth": 8, **shared.HALF},
}

MUON = {"optimizer": "muon", "learning_rate": 0.05, "adam_learning_rate": 2e-3}

TRAIN: dict[str, dict[str, Any]] = {
    "debug": {"steps": 150, "batch_size": 8, **MUON, "warmup_steps": 20},
    "tiny": {"steps": 1700, "batch_size": 16, **MUON, "warmup_steps": 50},
    "small": {"steps": 8000, "batch_size": 16, **MUON, "warmup_steps": 50},
    "base": {"steps": 20_000, "batch_size": 64, **MUON, "warmup_steps": 500},
    "large": {"steps": 20_000, "batch_size": 256, **MUON, "warmup_steps": 500},
}


def get_config(preset: str = "tiny", tokens: dict[str, Any] | None = None) -> ConfigDict:
    """The config of a preset; raises a ValueError for an unknown one.

    Args:
        preset: one of ``shared.PRESETS``.
        tokens: a predictor's fields about its tokenizer, to be this one's too; see ``tokenizer.tokens``.
    """
    tokens = tokenizer.tokens(preset) if tokens is None else tokens
    train, codec = TRAIN[preset], tokens["tokenizer"].config
    return ConfigDict(
        {
            "name": "outlook",
            "kind": "outlook",
            "preset": preset,
            "seed": 0,
            **tokens,
            "model": MODELS[preset],
            "train": {
                "end_factor": 0.05,
                "weight_decay": 0.0,
                "clip_norm": 1.0,
                "b2": 0.98,
                "ema_decay": 0.0,
                **shared.STEPS,
                **train,
            },
            "logging": tokenizer.logging(train["steps"], train["batch_size"]),
            **{name: codec[name] for name in ("data", *shared.surroundings(preset))},
        }
    )
