"""A recording, what is cut from it, and the split that it falls into."""

import dataclasses
import hashlib
from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import UInt8
from PIL import Image

HELD_OUT = ("test_iid", "val_iid")


@dataclasses.dataclass(frozen=True)
class Cut:
    """The clips to cut from recordings: ``size`` pixels a side, ``frames`` long, at ``fps`` frames a second."""

    size: int
    frames: int
    fps: float


Frames = UInt8[np.ndarray, "n size size 3"]


@dataclasses.dataclass(frozen=True)
class Recording:
    """One continuous video.

    Attributes:
        name: what it is called, and what its split follows from: the same on every machine.
        version: changes when its content may have changed.
        read: all of its frames, at a cut's rate and size. Raises a ValueError or OSError that says what is wrong.
        place: path of the file that holds it, if one does.
    """

    name: str
    version: str
    read: Callable[[Cut], Frames]
    place: str = ""


def in_split(recordings: Sequence[Recording], split: str, *, held_out: float) -> list[Recording]:
    """The recordings of a split, in the order given.

    The sha256 of its name puts a recording at a place in [0, 1): test_iid holds the places below ``held_out``,
    val_iid the next as many, train the rest. So no recording is in two splits, and one keeps its split for ever,
    whatever is added or removed beside it.

    Raises:
        ValueError: two recordings share a name, the split is unknown or would be empty.
    """
    if not recordings:
        raise ValueError("there are no recordings: correct config.data.source")
    if len({recording.name for recording in recordings}) < len(recordings):
        raise ValueError("two recordings have the same name: rename one, for the split follows from the name")
    if split not in (*HELD_OUT, "train"):
        raise ValueError(f"recordings have no split {split!r}; known are train, {', '.join(HELD_OUT)}")
    if not 0 < held_out < 0.5:
        raise ValueError(f"config.data.held_out {held_out}: must be above 0 and below 0.5, the share of each split")
    found = [recording for recording in recordings if _split(recording.name, held_out) == split]
    if not found:
        raise ValueError(
            f"none of the {len(recordings)} recordings falls into {split}, which takes those whose hashed name is in "
            f"its share: {_remedy(recordings)}"
        )
    return found


def fit(frame: UInt8[np.ndarray, "h w c"], size: int) -> UInt8[np.ndarray, "size size 3"]:
    """The central square of a frame, grey or RGB, resampled to ``size`` with as wide a filter as it takes not to alias.

    Pillow's bicubic filter grows with the factor of reduction.
    """
    if frame.shape[-1] == 1:
        frame = np.repeat(frame, 3, axis=-1)
    if frame.shape[:2] == (size, size):
        return frame
    height, width = frame.shape[:2]
    side = min(height, width)
    left, top = (width - side) / 2, (height - side) / 2
    box = (left, top, left + side, top + side)
    return np.asarray(Image.fromarray(frame).resize((size, size), Image.Resampling.BICUBIC, box=box))


def fitted(video: UInt8[np.ndarray, "t h w c"], cut: Cut) -> Frames:
    """All frames of a video that has no clock, each as ``fit`` makes it."""
    return np.stack([fit(frame, cut.size) for frame in video])


def _place(name: str) -> float:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:6], "big") / 2**48


def _split(name: str, held_out: float) -> str:
    part = int(_place(name) / held_out)
    return HELD_OUT[part] if part < len(HELD_OUT) else "train"


def _remedy(recordings: Sequence[Recording]) -> str:
    """The least share, in hundredths, at which no split is empty."""
    for share in np.arange(1, 50) / 100:
        if len({_split(recording.name, share) for recording in recordings}) == 3:
            return f"set config.data.held_out={share:g}, or give more recordings"
    return "give more recordings, no share suits these"
