"""What the configs share: presets, data, and the sections that do not decide what is trained."""

from typing import Any

from ml_collections import ConfigDict

PRESETS = ("debug", "tiny", "small", "base")

DATA: dict[str, dict[str, Any]] = {
    "debug": {"size": 32, "frames": 9, "context_frames": 5, "train_clips": 1024},
    "tiny": {"size": 32, "frames": 17, "context_frames": 9, "train_clips": 6144},
    "small": {"size": 64, "frames": 17, "context_frames": 9, "train_clips": 65536},
    "base": {"size": 128, "frames": 49, "context_frames": 25, "train_clips": 65536},
}


def require_preset(preset: str) -> None:
    """Raises a ValueError that lists the presets unless this is one of them."""
    if preset not in PRESETS:
        raise ValueError(f"unknown preset {preset!r}: known are {', '.join(PRESETS)}")


def data(preset: str) -> ConfigDict:
    """Clutter videos: on the small presets before a calm background, on the large ones before any."""
    calm = preset in ("debug", "tiny")
    return ConfigDict(
        {
            "source": "clutter",
            "level": "clean" if preset == "debug" else "moderate",
            "background": "plain" if calm else "any",
            "camera": "static" if calm else "orbit",
            "objects": (2, 6),
            "static_share": 0.1,
            "seed": 0,
            **DATA[preset],
        }
    )


def surroundings(preset: str) -> dict[str, ConfigDict]:
    """Sections that may change from run to run: where things are kept, the mesh, how much is evaluated."""
    return {
        "storage": ConfigDict({"clips": "runs/clips"}),
        "mesh": ConfigDict({"data": -1, "fsdp": 1, "tensor": 1}),
        "evaluation": ConfigDict(evaluation(preset)),
        "sampling": ConfigDict({"temperature": 0.0, "top_k": 0, "top_p": 1.0, "minimum_risk": True}),
        "predictions": ConfigDict({"clips": 12, "seed": 0}),
    }


def evaluation(preset: str) -> dict[str, Any]:
    """What is scored, and how thoroughly."""
    return {
        "splits": "",  # names with commas between; by default test_iid
        "clips": 64 if preset == "debug" else 256,
        "batch_size": 32,
        "samples": 4 if preset == "debug" else 8,  # futures drawn of each of the first sampled_clips clips; 0 for none
        "sampled_clips": 16 if preset == "debug" else 64,
        "networks": "",  # of lpips_alex, lpips_vgg and fvd, with commas between; they need the extra `metrics`
        "predictions": "",  # an npz of futures predicted elsewhere, to be scored in place of the model's
    }
