"""The baseline: an autoregressive Transformer on the tokens of a frozen MagVit, without a motion pathway.

python -m futurepred_jax.main --config=configs/baseline.py

`tiny` on 2 CPU cores, 2,304 CPU-seconds with its tokenizer: 8.7 bits a token of four digits on test_iid, and on its 256
clips 18.73 dB PSNR, 14.95 dB on the foreground, SSIM 0.510 and an ADE of 2.82 px, where copy-last-frame has 18.19,
14.63, 0.514 and 2.47. Its `distance_weight` has brought nothing that would show: an earlier training without
it had 18.75, 14.94, 0.510 and 2.79. `small`, `base` and `large` have not been trained yet.
"""

from typing import Any

from ml_collections import ConfigDict

from futurepred_jax.configs import shared, tokenizer

MODELS: dict[str, dict[str, Any]] = {
    "debug": {"width": 96, "depth": 2, "heads": 3},
    "tiny": {"width": 128, "depth": 4, "heads": 4},
    "small": {"width": 288, "depth": 6, "heads": 6},
    "base": {"width": 288, "depth": 6, "heads": 6},
    "large": {"width": 2048, "depth": 18, "heads": 16, "remat": True},
}

MUON = {"optimizer": "muon", "learning_rate": 0.05, "adam_learning_rate": 2e-3, "weight_decay": 0.0}

TRAIN: dict[str, dict[str, Any]] = {
    "debug": {"steps": 500, "batch_size": 4, **MUON, "warmup_steps": 20},
    "tiny": {"steps": 3400, "batch_size": 4, **MUON, "warmup_steps": 50},
    "small": {"steps": 30_000, "batch_size": 32, "optimizer": "adamw", "learning_rate": 6e-4, "warmup_steps": 1_000},
    "base": {"steps": 200_000, "batch_size": 64, "optimizer": "adamw", "learning_rate": 4e-4, "warmup_steps": 4_000},
    "large": {"steps": 300_000, "batch_size": 256, "optimizer": "adamw", "learning_rate": 2e-4, "warmup_steps": 5_000},
}

# On val_iid the mean frame has 14.1 dB on the foreground of debug's clips and 14.2 of tiny's, at recall 0; a tokenizer
# after two steps draws coloured noise: 10.2 and 10.6 dB, at recall 0.002 on 64 clips of tiny's test_iid. Neither may
# pass.
GATES = {"debug": {"foreground_psnr": 15.0}}
GATE = {"foreground_psnr": 17.0, "recall": 0.8}
RECORDED_GATE = 3.0  # dB of PSNR above the mean frame, which is what a tokenizer that learned nothing draws


def get_config(preset: str = "tiny") -> ConfigDict:
    """The config of a preset; raises a ValueError for an unknown one."""
    codec = tokenizer.get_config(preset)
    train = TRAIN[preset]
    return ConfigDict(
        {
            "name": "baseline",
            "kind": "predictor",
            "preset": preset,
            "seed": 0,
            "tokenizer": {"workdir": "", "config": codec},
            "gate": GATES.get(preset, GATE),
            "recorded_gate": RECORDED_GATE,
            "model": MODELS[preset],
            "objective": {
                "corruption": 0.05,
                "context_weight": 0.5,
                "z_weight": 1e-4,
                "distance_weight": 5.0 if preset == "tiny" else 0.0,
            },
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
