"""Whatever videos a user names at once: video files, and arrays in .npy and .npz files among them."""

import dataclasses
from pathlib import Path

from futurepred_jax.data.recorded import arrays, files
from futurepred_jax.data.recorded.recording import Cut, Frames, Recording

ARRAYS = (".npy", ".npz")


def given(place: str) -> list[Recording]:
    """The recordings of a folder, file or pattern: of an array file one each video, called FILE/NUMBER.

    What is wrong with a file is said when it is read.

    Raises:
        ValueError: as ``files.found``.
    """
    return [
        each
        for name, path in files.found(place).items()
        for each in (_in_array(path, name) if path.suffix in ARRAYS else [files.recording(path, name)])
    ]


def _in_array(path: Path, name: str) -> list[Recording]:
    try:
        return [
            dataclasses.replace(each, name=f"{name}/{each.name}", place=str(path.resolve()))
            for each in arrays.recordings(str(path))
        ]
    except (ValueError, OSError) as error:
        wrong = error

    def refuse(_: Cut) -> Frames:
        raise wrong

    return [Recording(name, "", refuse)]
