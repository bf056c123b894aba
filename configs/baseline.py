"""The baseline predictor: an autoregressive Transformer on the tokens of a frozen MagVit, without motion pathways.

python -m futurepred_jax.main --config=configs/baseline.py

The Transformer reads a first guess of the future, made by an outlook (``configs/outlook.py``), and generates one
specific future.

`tiny` trained for 446 seconds on one CPU core that other work shared. It needs 8.81 bits per token of four digits. On
256 clips of test_iid it reaches 20.44 dB PSNR, 16.48 dB on the foreground, SSIM 0.616, an ADE of 1.35 px and a recall
of 0.655; copy-last-frame reaches 18.19, 14.63, 0.514, 2.46 and 0.943.

`small` trained for 27 minutes on one CPU core that other work shared. It needs 23.14 bits per token of twelve digits.
On 256 clips of test_iid it reaches 20.68 dB, 15.59 on the foreground, SSIM 0.701, an ADE of 2.13 px of 64 and a recall
of 0.740; copy-last-frame reaches 17.75, 13.32, 0.610, 4.90 and 0.959. The number of bits was still falling at the end
of training. `base` and `large` have not been trained yet.
"""

from typing import Any

from ml_collections import ConfigDict

from futurepred_jax.configs import outlook, shared, tokenizer

MODELS: dict[str, dict[str, Any]] = {
    "debug": {"width": 96, "depth": 2, "heads": 3},
    "tiny": {"width": 128, "depth": 4, "heads": 4},
    "small": {"width": 128, "depth": 4, "heads": 4},
    "base": {"width": 288, "depth": 6, "heads": 6, "nearby": 24, "remat": False, **shared.HALF},
    "large": {"width": 2048, "depth": 18, "heads": 16, "remat": True, **shared.HALF},
}

MUON = {"optimizer": "muon", "learning_rate": 0.05, "adam_learning_rate": 2e-3, "weight_decay": 0.0}

TRAIN: dict[str, dict[str, Any]] = {
    "debug": {"steps": 200, "batch_size": 4, **MUON, "warmup_steps": 20},
    "tiny": {"steps": 1750, "batch_size": 4, **MUON, "warmup_steps": 50},
    "small": {"steps": 2600, "batch_size": 8, **MUON, "warmup_steps": 50},
    "base": {"steps": 200_000, "batch_size": 64, "optimizer": "adamw", "learning_rate": 4e-4, "warmup_steps": 4_000},
    "large": {"steps": 300_000, "batch_size": 256, "optimizer": "adamw", "learning_rate": 2e-4, "warmup_steps": 5_000},
}


def get_config(preset: str = "tiny") -> ConfigDict:
    """The config of a preset; raises a ValueError for an unknown one."""
    tokens = tokenizer.tokens(preset)
    train, codec = TRAIN[preset], tokens["tokenizer"].config
    return ConfigDict(
        {
            "name": "baseline",
            "kind": "predictor",
            "preset": preset,
            "seed": 0,
            **tokens,
            "outlook": {"workdir": "", "config": outlook.get_config(preset, tokens)},
            "model": MODELS[preset],
            "objective": {"corruption": 0.05, "self_sampled": 0.0, "context_weight": 0.5, "z_weight": 1e-4},
            "train": {
                "end_factor": 0.05,
                "weight_decay": 0.05,
                "clip_norm": 1.0,
                "b2": 0.98,
                "ema_decay": 0.0,
                **shared.STEPS,
                **train,
            },
            "logging": tokenizer.logging(train["steps"], train["batch_size"]),
            # the very sections of the tokenizer's config, so that an override reaches both
            **{name: codec[name] for name in ("data", *shared.surroundings(preset))},
        }
    )
