"""A motion network, I3D or SlowFast, trained to classify the motion and the shape of a clip's only target.

python -m futurepred_jax.main --config=configs/classification.py:tiny

The network sees the same context frames as a predictor's pathway, with a single target. The configs of predictors with
pathways start from these networks and train them if they are missing.

The results of `tiny` on 256 clips of test_iid were printed by the first stage of `--config=configs/slowfast.py:tiny`
and of `configs/joint_i3d.py:tiny`. The SlowFast classifies 0.46 of the clips correctly among ten motions and 0.76 among
the shapes, and the I3D 0.46 and 0.69; the most frequent class has shares of 0.13 and 0.26. With moderate clutter, where
nothing tells the target from other objects, the SlowFast did not learn the motions: 0.11 after 2,000 steps. `debug`
only shows that the config runs. Larger presets have not been trained yet.
"""

from typing import Any

from ml_collections import ConfigDict

from futurepred_jax.configs import shared, tokenizer

R50 = {"width": 64, "blocks": (3, 4, 6, 3)}

MODELS: dict[str, dict[str, dict[str, Any]]] = {
    "i3d": {
        "debug": {"width": 8, "blocks": (1, 1, 1, 1), "frames": 5, "side": 64},
        "tiny": {"width": 16, "blocks": (1, 1, 1, 1), "frames": 9, "side": 64},
        "small": {"width": 32, "blocks": (2, 2, 2, 2), "frames": 9, "side": 112},
        "base": {**R50, "frames": 13, "side": 224, **shared.HALF},
        "large": {**R50, "frames": 13, "side": 224, **shared.HALF},
    },
    "slowfast": {  # frames: a multiple of alpha, the closest to the context's
        "debug": {"width": 16, "blocks": (1, 1, 1, 1), "alpha": 2, "frames": 4, "side": 64},
        "tiny": {"width": 32, "blocks": (1, 1, 1, 1), "alpha": 4, "frames": 8, "side": 64},
        "small": {"width": 32, "blocks": (2, 2, 2, 2), "alpha": 4, "frames": 8, "side": 112},
        "base": {**R50, "alpha": 4, "frames": 24, "side": 224, **shared.HALF},
        "large": {**R50, "alpha": 4, "frames": 24, "side": 224, **shared.HALF},
    },
}

MUON = {"optimizer": "muon", "learning_rate": 0.02, "adam_learning_rate": 2e-3, "weight_decay": 0.0}
ADAMW = {"optimizer": "adamw", "weight_decay": 0.05}

TRAIN: dict[str, dict[str, Any]] = {
    "debug": {"steps": 300, "batch_size": 8, **MUON, "warmup_steps": 20},
    "tiny": {"steps": 1200, "batch_size": 8, **MUON, "warmup_steps": 50},
    "small": {"steps": 20_000, "batch_size": 32, **ADAMW, "learning_rate": 5e-4, "warmup_steps": 500},
    "base": {"steps": 100_000, "batch_size": 64, **ADAMW, "learning_rate": 3e-4, "warmup_steps": 2_000},
    "large": {"steps": 100_000, "batch_size": 256, **ADAMW, "learning_rate": 3e-4, "warmup_steps": 2_000},
}


def get_config(preset: str = "tiny", network: str = "i3d", codec: ConfigDict | None = None) -> ConfigDict:
    """The config of a preset and network; raises a ValueError for an unknown preset.

    Args:
        preset: one of ``shared.PRESETS``.
        network: "i3d" or "slowfast".
        codec: the tokenizer's config, whose very fields are the data's here too, so that an override reaches both.
    """
    codec = tokenizer.get_config(preset) if codec is None else codec
    train = TRAIN[preset]
    return ConfigDict(
        {
            "name": f"classification-{network}",
            "kind": "classifier",
            "preset": preset,
            "seed": 0,
            # alone: among clutter nothing says which object is the one that is asked about
            "data": {**{name: codec.data.get_ref(name) for name in codec.data}, "level": "clean", "objects": (1, 1)},
            "model": {"name": network, "dropout": 0.0, **MODELS[network][preset]},
            "objective": {"smoothing": 0.1},
            "train": {
                "end_factor": 0.05,
                "clip_norm": 1.0,
                "b2": 0.99,
                "ema_decay": 0.0,
                **shared.STEPS,
                **train,
            },
            "logging": tokenizer.logging(train["steps"], train["batch_size"]),
            **{name: codec[name] for name in shared.surroundings(preset)},
        }
    )


def pathway(preset: str, network: str, codec: ConfigDict, endpoints: tuple[str, ...]) -> ConfigDict:
    """The section of a predictor's config about its motion pathway.

    Args:
        preset: of the predictor.
        network: "i3d" or "slowfast".
        codec: its tokenizer's config.
        endpoints: features that the Transformer sees.
    """
    return ConfigDict(
        {
            "init": "pretrained",  # or "published", of the file ``weights``, or "random"
            "weights": "",
            "workdir": "",
            "endpoints": endpoints,
            "config": get_config(preset, network, codec),
        }
    )
