"""Videos in a NumPy file: ``.npy``, or ``.npz`` with one array or one called ``video``; uint8 [n t h w c]."""

import functools
import zipfile
import zlib
from pathlib import Path

import numpy as np

from futurepred_jax.data.recorded.recording import Recording, fitted

DAMAGED = (ValueError, EOFError, NotImplementedError, zipfile.BadZipFile, zlib.error)  # as NumPy may say it
RULE = "needs uint8 [n t h w 3], or one channel for grey, and no axis of 0"


def recordings(place: str) -> list[Recording]:
    """A recording for each of the ``n`` videos, called by its number. Frames have no clock and are taken one by one.

    Raises:
        ValueError: the file holds no such array; pickled objects are never loaded.
        OSError: it cannot be opened.
    """
    path = Path(place).expanduser()
    videos = _load(path)
    if videos.dtype != np.uint8 or videos.ndim != 5 or videos.shape[-1] not in (1, 3) or 0 in videos.shape:
        raise ValueError(f"{path} holds {videos.dtype} {list(videos.shape)}: {RULE}")
    status = path.stat()
    version = f"{status.st_size} {status.st_mtime_ns}"
    return [Recording(f"{i}", version, functools.partial(fitted, videos[i])) for i in range(len(videos))]


def _load(path: Path) -> np.ndarray:
    try:
        loaded = np.load(path, mmap_mode="r", allow_pickle=False)
    except DAMAGED as error:
        raise ValueError(f"{path} is no .npy or .npz of numbers ({error}): it {RULE}") from error
    if isinstance(loaded, np.ndarray):
        return loaded
    with loaded:
        names = loaded.files
        if "video" not in names and len(names) != 1:
            raise ValueError(f"{path} holds the arrays {', '.join(names)}: call the one to use 'video'")
        try:
            return np.asarray(loaded["video" if "video" in names else names[0]])  # bytes of a member that is no array
        except DAMAGED as error:
            raise ValueError(f"{path} cannot be read ({error}): it {RULE}") from error
