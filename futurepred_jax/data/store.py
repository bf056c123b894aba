"""A split drawn once and kept on disk: ``folder/<fingerprint>/<split>/`` holds shards of clips and ``index.json``."""

import concurrent.futures
import dataclasses
import errno
import hashlib
import json
import multiprocessing
import os
import shutil
import threading
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int
from tqdm import tqdm

from futurepred_jax.data.clips import CLIP_FIELDS, EVALUATION_FIELDS, make_clip, noisy
from futurepred_jax.data.shards import (
    SHARD,
    Job,
    alone,
    checksum,
    digest,
    draw_shard,
    explained,
    open_shard,
    record_type,
    shard_path,
)
from futurepred_jax.data.spec import ClutterSpec, in_split

INDEX = "index.json"
NOISE_NEEDS = ("video", "noise", "index")


@dataclasses.dataclass(frozen=True)
class StoredClips:
    """Clips of a split, on disk; a ``pipeline.Source``."""

    spec: ClutterSpec
    split: str
    count: int
    sha256: str  # of all clips in order
    shards: tuple[np.ndarray, ...]  # structured memory maps
    checksums: tuple[tuple[int, ...], ...]  # crc32 of each clip of each shard

    def __len__(self) -> int:
        return self.count

    def batch(self, indices: Int[np.ndarray, "b"]) -> dict[str, np.ndarray]:
        """The stored fields of some clips, with a leading axis, and ``noisy``, uint8 [b t h w 3], made on the way.

        Raises:
            IndexError: an index is not in [0, count).
            ValueError: a clip's bytes are not those that were drawn.
        """
        if len(indices) and not 0 <= indices.min() <= indices.max() < self.count:
            raise IndexError(f"clips {indices.min()} … {indices.max()} of {self.split}: it has 0 … {self.count - 1}")
        records = np.empty(len(indices), self.shards[0].dtype)
        for row, index in enumerate(indices):
            records[row] = self._clip(*divmod(int(index), SHARD))
        batch = {name: np.ascontiguousarray(records[name]) for name in records.dtype.names or ()}
        if set(NOISE_NEEDS) <= batch.keys():
            batch["noisy"] = noisy(self.spec, self.split, batch)
        return batch

    def _clip(self, shard: int, row: int) -> np.void:
        clip = self.shards[shard][row]
        if checksum(clip) != self.checksums[shard][row]:
            raise ValueError(
                f"clip {shard * SHARD + row} of {self.split} is damaged: delete {self.shards[shard].filename} and run "  # pyright: ignore[reportAttributeAccessIssue]
                "again, and the clips in it are drawn anew"
            )
        return clip


def materialize(
    spec: ClutterSpec,
    split: str,
    count: int,
    folder: str | os.PathLike,
    *,
    workers: int | None = None,
    fields: Sequence[str] = EVALUATION_FIELDS,
    progress: bool = True,
) -> StoredClips:
    """Draw clips 0 … count − 1 of a split, those that are not there yet, and open them.

    Shards are drawn in worker processes (started anew: a script that calls this needs its ``__main__`` guard) and put
    in place whole, so after a kill the call draws what is missing. A larger ``count`` adds to what is there, a
    smaller one opens the first clips. Another process that draws the same split is waited for.

    Args:
        spec: of training, or of the split; what the split changes is changed here.
        split: one of ``spec.SPLITS``.
        count: clips.
        folder: root of all splits.
        workers: processes; 0 draws in this one; by default one a usable core.
        fields: of ``CLIP_FIELDS``, to keep; ``noisy`` needs video, noise and index.
        progress: show a bar.

    Raises:
        ValueError: what is asked for makes no sense; or what is there belongs to another specification, holds other
            fields or is damaged: it is left as it is, and the message says which folder to delete.
        OSError: the folder cannot be written, or is full; finished shards are kept.
    """
    jobs = _jobs(spec, split, count, folder, fields)
    if _missing(jobs):
        with explained(jobs[0].place), alone(jobs[0].place):
            _draw(_missing(jobs), workers, progress)
    return _opened(jobs, count)


def draw_part(
    spec: ClutterSpec,
    split: str,
    count: int,
    folder: str | os.PathLike,
    *,
    part: int,
    parts: int,
    workers: int | None = None,
    fields: Sequence[str] = EVALUATION_FIELDS,
    progress: bool = True,
) -> None:
    """Draw every ``parts``-th missing shard of a split, from number ``part`` on, beside others who draw the rest.

    For several machines that share a folder; ``materialize`` opens the split when all are done. Arguments and errors
    are those of ``materialize``.
    """
    jobs = _jobs(spec, split, count, folder, fields)[part::parts]
    if jobs and _missing(jobs):
        place = jobs[0].place
        with explained(place), alone(place, shared=True), alone(place, f"lock-{part}-of-{parts}"):
            _draw(_missing(jobs), workers, progress)


def _jobs(spec: ClutterSpec, split: str, count: int, folder: str | os.PathLike, fields: Sequence[str]) -> list[Job]:
    """All shards of a split, after a check of what is asked for."""
    if count < 1:
        raise ValueError(f"{count} clips of {split}: ask for at least 1")
    if not fields or set(fields) - set(CLIP_FIELDS):
        raise ValueError(f"fields {sorted(fields)}: needs at least one, known are {', '.join(CLIP_FIELDS)}")
    spec.key(split, count - 1)  # an unknown split or too large an index fails before a folder is made
    spec = in_split(spec, split)
    kept = tuple(name for name in CLIP_FIELDS if name in fields)
    place = Path(folder) / spec.fingerprint() / split
    return [Job(spec, split, place, i, min(SHARD, count - i * SHARD), kept) for i in range(-(-count // SHARD))]


def _opened(jobs: list[Job], count: int) -> StoredClips:
    """Open every shard, and bring the index up to date."""
    place = jobs[0].place
    known = _read_index(jobs[0])
    shards = tuple(_shard(job) for job in jobs)
    entries = [_entry(job, shard, known.get(str(job.number))) for job, shard in zip(jobs, shards, strict=True)]
    full = {str(job.number): e for job, shard, e in zip(jobs, shards, entries, strict=True) if e["clips"] == len(shard)}
    if known | full != known:
        with explained(place):
            _write_index(jobs[0], known | full)
    sha256 = hashlib.sha256("".join(entry["sha256"] for entry in entries).encode()).hexdigest()
    checksums = tuple(tuple(entry["crc32"]) for entry in entries)
    return StoredClips(jobs[0].spec, jobs[0].split, count, sha256, shards, checksums)


def _shard(job: Job) -> np.ndarray:
    shard = open_shard(shard_path(job.place, job.number), job.fields)
    if shard is None or len(shard) < job.clips:
        raise ValueError(f"shard {job.number} of {job.place} vanished while it was opened: run again")
    return shard


def _entry(job: Job, shard: np.ndarray, known: dict | None) -> dict:
    """Clips of a shard that are asked for, and their checksums, which are computed only when the index has them not."""
    if known and known["clips"] > len(shard):
        raise ValueError(
            f"shard {job.number} of {job.place} has {len(shard)} clips where the index says {known['clips']}: delete "
            f"the folder {job.place} and run again, and its clips are drawn anew"
        )
    if known and known["clips"] == job.clips and "crc32" in known:
        return known
    clips = shard[: job.clips]
    return {"clips": job.clips, "sha256": digest(clips), "crc32": [checksum(clip) for clip in clips]}


def _read_index(job: Job) -> dict[str, dict]:
    """What is known of the shards, by number."""
    path = job.place / INDEX
    if not path.exists():
        return {}
    remedy = f"delete the folder {job.place} and run again, and its clips are drawn anew"
    try:
        index = json.loads(path.read_text())
        found, shards = index["fingerprint"], dict(index["shards"])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} cannot be read ({error}): {remedy}") from error
    if found != job.spec.fingerprint():
        raise ValueError(f"{path} belongs to the specification {found}, not {job.spec.fingerprint()}: {remedy}")
    return shards


def _write_index(job: Job, shards: dict[str, dict]) -> None:
    index = {
        "fingerprint": job.spec.fingerprint(),
        "spec": dataclasses.asdict(job.spec),
        "split": job.split,
        "fields": job.fields,
        "shards": shards,
    }
    part = job.place / f".{INDEX}.{uuid.uuid4().hex}.part"  # others may write the same just now
    part.write_text(json.dumps(index, indent=1))
    part.replace(job.place / INDEX)


def _missing(jobs: list[Job]) -> list[Job]:
    """Shards that are not there, or with fewer clips than are asked for; raises where one is damaged."""
    _read_index(jobs[0])
    shards = [open_shard(shard_path(job.place, job.number), job.fields) for job in jobs]
    return [job for job, shard in zip(jobs, shards, strict=True) if shard is None or len(shard) < job.clips]


def _draw(jobs: list[Job], workers: int | None, progress: bool) -> None:
    """Draw shards, here or in worker processes."""
    if not jobs:
        return
    clips = sum(job.clips for job in jobs)
    _check_room(jobs[0], clips)
    workers = min(usable_cores() if workers is None else workers, len(jobs) // 2)  # a worker takes seconds to start
    with tqdm(total=clips, desc=f"draw {jobs[0].split}", unit="clip", disable=not progress) as bar:
        for number in map(draw_shard, jobs) if workers < 2 else _by_workers(jobs, workers):
            bar.update(next(job.clips for job in jobs if job.number == number))


def _by_workers(jobs: list[Job], workers: int) -> Iterator[int]:
    """Draw shards in processes that share nothing with this one: a fork would copy the locks of jax's threads."""
    context = multiprocessing.get_context("spawn")
    pool = concurrent.futures.ProcessPoolExecutor(workers, context, initializer=_end_with_parent)
    try:
        for done in concurrent.futures.as_completed([pool.submit(draw_shard, job) for job in jobs]):
            yield done.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _end_with_parent() -> None:
    """End a worker whose parent was killed: it would wait for work for ever."""

    def watch() -> None:
        parent = multiprocessing.parent_process()
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _check_room(job: Job, clips: int) -> None:
    """Fail before the work where the disk has no room for its result; this also compiles, once for all workers."""
    needed = clips * record_type(make_clip(job.spec, job.split, 0, job.fields), job.fields).itemsize
    free = shutil.disk_usage(job.place).free
    if needed > free:
        raise OSError(errno.ENOSPC, f"{clips} clips need {needed / 1e6:.0f} MB, {free / 1e6:.0f} MB are free")


def usable_cores() -> int:
    """Cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
