"""Shards of clips on disk: one uncompressed ``.npy`` of records, one record a clip, that appears only when complete."""

import contextlib
import dataclasses
import errno
import fcntl
import hashlib
import os
import resource
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Shaped

from futurepred_jax.data.clips import make_clip
from futurepred_jax.data.spec import ClutterSpec

SHARD = 64  # clips a shard; part of what a split's sha256 means


@dataclasses.dataclass(frozen=True)
class Job:
    """One shard to draw."""

    spec: ClutterSpec
    split: str
    place: Path
    number: int
    clips: int
    fields: tuple[str, ...]


def shard_path(place: Path, number: int) -> Path:
    """File of a shard."""
    return place / f"shard-{number:05d}.npy"


def draw_shard(job: Job) -> int:
    """Draw a shard, put it in place whole, and return its number.

    Raises:
        OSError: it cannot be written; nothing of it is left behind.
    """
    start = job.number * SHARD
    clips = [make_clip(job.spec, job.split, start + row, job.fields) for row in range(job.clips)]
    records = np.empty(job.clips, record_type(clips[0], job.fields))
    for row, clip in enumerate(clips):
        records[row] = tuple(clip[name] for name in job.fields)
    write_whole(shard_path(job.place, job.number), records)
    return job.number


def record_type(clip: dict[str, np.ndarray], fields: tuple[str, ...]) -> np.dtype:
    """A clip's record on disk."""
    return np.dtype([(name, clip[name].dtype, clip[name].shape) for name in fields])


def write_whole(path: Path, records: Shaped[np.ndarray, "n"]) -> None:
    """Write a shard under another name and rename it when it is on the disk."""
    part = path.with_suffix(".part")
    try:
        with part.open("wb") as file:
            np.save(file, records)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def open_shard(path: Path, fields: tuple[str, ...]) -> Shaped[np.ndarray, "n"] | None:
    """A shard as a memory map; None where there is no such file.

    Raises:
        ValueError: the file is no shard, is cut short, or holds other fields.
        OSError: the process may have no more files open, with the remedy.
    """
    if not path.exists():
        return None
    remedy = f"delete the folder {path.parent} and run again, and its clips are drawn anew"
    try:
        shard = _mapped(path)
    except (ValueError, EOFError) as error:
        raise ValueError(f"{path} is damaged or cut short ({error}): {remedy}") from error
    if path.stat().st_size != shard.offset + shard.nbytes:
        raise ValueError(f"{path} has bytes after its last clip, so it is damaged: {remedy}")
    if shard.dtype.names != fields:
        raise ValueError(f"{path} holds the fields {shard.dtype.names}, not {fields}: {remedy}, or ask for its fields")
    return shard


def _mapped(path: Path) -> np.memmap:
    """The file as a memory map. Every map keeps a file open: where the limit is reached, it is doubled if it may be."""
    try:
        return np.load(path, mmap_mode="r")
    except OSError as error:
        if error.errno != errno.EMFILE:
            raise
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    more = 2 * soft if hard == resource.RLIM_INFINITY else min(2 * soft, hard)
    if more == soft:
        remedy = "raise the limit (ulimit -n, or as root its hard limit) and run again; nothing is lost"
        raise OSError(errno.EMFILE, f"{path}: a process may have {soft} files open, and clips are in more: {remedy}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (more, hard))
    return _mapped(path)


def digest(records: Shaped[np.ndarray, "n"]) -> str:
    """sha256 of clips, byte by byte as on disk."""
    return hashlib.sha256(records.tobytes()).hexdigest()


def checksum(clip: np.void) -> int:
    """crc32 of a clip's bytes: cheap enough for every reading."""
    return zlib.crc32(clip.tobytes())


@contextlib.contextmanager
def explained(place: Path) -> Iterator[None]:
    """Say, with an error of the file system, what is lost (nothing) and what to do."""
    try:
        yield
    except OSError as error:
        remedy = "finished shards are kept: free space or make it writable, or choose another folder, and run again"
        raise OSError(error.errno, f"cannot write clips to {place} ({error.strerror or error}); {remedy}") from error


@contextlib.contextmanager
def alone(place: Path, name: str = "lock", *, shared: bool = False) -> Iterator[None]:
    """Make the folder, and keep other processes from drawing in it; the lock ends with the process, however it ends.

    Those who draw parts share the lock, and so keep off those who draw all.
    """
    place.mkdir(parents=True, exist_ok=True)
    with (place / name).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield
