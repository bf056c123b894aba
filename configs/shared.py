"""What the configs share: presets, data, and the sections that do not decide what is trained."""

from typing import Any

from ml_collections import ConfigDict

PRESETS = ("debug", "tiny", "small", "base", "large")

HALF = {"dtype": "bfloat16"}  # of activations: for TPU and GPU, where a CPU gains nothing by it

DATA: dict[str, dict[str, Any]] = {
    "debug": {"size": 32, "frames": 9, "context_frames": 5, "train_clips": 1024},
    "tiny": {"size": 32, "frames": 17, "context_frames": 9, "train_clips": 12288},
    "small": {"size": 64, "frames": 17, "context_frames": 9, "train_clips": 49152},
    "base": {"size": 128, "frames": 49, "context_frames": 25, "train_clips": 65536},
    "large": {"size": 256, "frames": 49, "context_frames": 25, "train_clips": 65536},
}

# A batch goes through the model in ``accumulate`` turns, to save memory; a step whose loss is not finite or exploded is
# an end ("stop") or changes nothing ("skip").
STEPS = {"accumulate": 1, "on_nan": "stop"}


CALM_FAMILIES = (
    "static", "straight", "left_turn", "right_turn", "u_turn", "loop", "circular", "helix", "ballistic", "sinusoid",
)  # fmt: skip
FAMILIES = (*CALM_FAMILIES, "drag", "spline", "collisions")  # without random_walk, which no context tells


def require_preset(preset: str) -> None:
    """Raises a ValueError that lists the presets unless this is one of them."""
    if preset not in PRESETS:
        raise ValueError(f"unknown preset {preset!r}: known are {', '.join(PRESETS)}")


def data(preset: str) -> ConfigDict:
    """Clutter videos.

    Presets up to `small` are calm: one floor, a camera that stands still, objects that turn about the vertical, and
    every pair of shape with colour or motion, so that their test_comp shows nothing new. The larger ones have more of
    each, and keep the held-out pairs from training.
    """
    calm = preset in ("debug", "tiny", "small")
    return ConfigDict(
        {
            "source": "clutter",  # or recorded videos: files:FOLDER, files:'GLOB', arrays:FILE, tfds:NAME, digits
            "render_on": "host",  # or the "device", inside the step; clips that are tokenized or scored are the host's
            "fps": 6.0,
            "held_out": 0.1,  # of recorded videos, the share of test_iid, and of val_iid
            "on_error": "raise",  # or "skip" recordings that cannot be read or are too short
            "level": "clean" if preset == "debug" else "moderate",
            "background": "plain" if calm else "any",
            "camera": "static" if calm else "orbit",
            "families": CALM_FAMILIES if calm else FAMILIES,
            "rotation": "yaw" if calm else "tumble",
            "combinations": "all" if calm else "seen",
            "objects": (2, 6),
            "static_share": 0.1,
            "seed": 0,
            **DATA[preset],
        }
    )


def surroundings(preset: str) -> dict[str, ConfigDict]:
    """Sections that may change from run to run: where things are kept, the mesh, how much is evaluated."""
    large = preset == "large"
    return {
        "storage": ConfigDict({"clips": "runs/clips"}),
        "mesh": ConfigDict({"data": 1, "fsdp": -1, "tensor": 1} if large else {"data": -1, "fsdp": 1, "tensor": 1}),
        "evaluation": ConfigDict(evaluation(preset)),
        "sampling": ConfigDict({"temperature": 0.0, "top_k": 0, "top_p": 1.0, "guess_weight": 10.0}),
        "predictions": ConfigDict(predictions(preset)),
        "replay": ConfigDict({"step": 0}),
        "compile": ConfigDict({"topology": ""}),
        "compare": ConfigDict({"workdirs": ""}),
    }


def evaluation(preset: str) -> dict[str, Any]:
    """What is scored, and how thoroughly."""
    return {
        "splits": "",  # names with commas between, or all; by default test_iid
        "checkpoint": "newest",  # or "best", of a predictor, by its held-out loss
        "clips": 64 if preset == "debug" else 256,
        "batch_size": 4 if preset == "large" else 32,
        "samples": 4 if preset == "debug" else 8,  # futures drawn of each of the first sampled_clips clips; 0 for none
        "sampled_clips": 16 if preset == "debug" else 64,
        "networks": "",  # of lpips_alex, lpips_vgg and fvd, with commas between; they need the extra `metrics`
        "predictions": "",  # an npz of futures predicted elsewhere, to be scored in place of the model's
    }


def predictions(preset: str) -> dict[str, Any]:
    """What is predicted by --mode=predict: held-out clips, or what follows a user's own videos."""
    return {
        "clips": 12 if preset == "debug" else 24,  # held-out ones to show
        "seed": 0,
        "input": "",  # a folder, file or pattern of videos, whose last frames are the context
        "frames": 0,  # future frames of each; 0 for as many as in training
        "samples": 1,  # futures of each
        "pretrained": "",  # the name of a packed model, in place of the workdir's
    }
