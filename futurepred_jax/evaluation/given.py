"""Reads futures that another codebase predicted, so that they can be scored by the same protocol."""

import hashlib
import zipfile
from collections.abc import Sequence

import numpy as np
from etils import epath
from jaxtyping import Float

from futurepred_jax.data.recorded.arrays import DAMAGED
from futurepred_jax.pixels import to_unit

ARRAY = "video"


def read_predictions(path: epath.PathLike, shape: tuple[int, int, int, int, int]) -> Float[np.ndarray, "n t h w 3"]:
    """Reads the array ``video`` of an npz file: the future frames of a split's first n clips.

    Args:
        path: Path of the file. The array holds uint8 in [0, 255] or floats in [0, 1].
        shape: The shape (clips, frames, height, width, channels) that the array must have.

    Returns:
        The frames in [0, 1].

    Raises:
        ValueError: If the file is missing or unreadable, or the array has another shape, type or range, or holds values
            that are not finite.
    """
    video = _load(_existing(path))
    if video.shape != shape:
        raise ValueError(
            f"{path}: {ARRAY} has the shape {video.shape}, scored are {shape} (clips, future frames, height, "
            "width, rgb): predict those frames, or set config.evaluation.clips to the number of clips"
        )
    if video.dtype == np.uint8:
        return to_unit(video)
    if not np.issubdtype(video.dtype, np.floating):
        raise ValueError(f"{path}: {ARRAY} is {video.dtype}: give uint8 in [0, 255] or floats in [0, 1]")
    if not np.isfinite(video).all():
        first = np.argwhere(~np.isfinite(video))[0]
        raise ValueError(f"{path}: {ARRAY} is not finite, first in clip {first[0]}, frame {first[1]}: mend it")
    if video.min() < 0 or video.max() > 1:
        raise ValueError(
            f"{path}: {ARRAY} holds {video.min()} to {video.max()}: floats must lie in [0, 1]; rescale or clip them"
        )
    return video.astype(np.float32)


def require_one_split(splits: Sequence[str]) -> None:
    """Raises a ValueError unless exactly one split is named, since a file holds the futures of one split."""
    if len(splits) != 1:
        raise ValueError(f"predictions of {', '.join(splits)}: a file holds those of one split, named by --splits")


def digest(path: epath.PathLike) -> str:
    """Returns the sha256 of the file; raises a ValueError if it does not exist."""
    return hashlib.sha256(_existing(path).read_bytes()).hexdigest()


def _existing(path: epath.PathLike) -> epath.Path:
    if not epath.Path(path).is_file():
        raise ValueError(f"no file {path}: give --predictions an npz with an array {ARRAY!r}")
    return epath.Path(path)


def _load(path: epath.Path) -> np.ndarray:
    remedy = f"write it with numpy.savez(path, {ARRAY}=frames)"
    with path.open("rb") as file:
        if not zipfile.is_zipfile(file):
            raise ValueError(f"{path} is no npz: {remedy}")
        file.seek(0)
        try:
            with np.load(file, allow_pickle=False) as arrays:
                names, video = arrays.files, arrays.get(ARRAY)
        except (OSError, *DAMAGED) as error:
            raise ValueError(f"{path} cannot be read ({error}): {remedy}") from error
    if video is None:
        raise ValueError(f"{path} has the arrays {', '.join(names)}: name the predicted frames {ARRAY!r}")
    return np.asarray(video)  # a member that is no array is read as bytes
