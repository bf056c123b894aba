"""Clips cut from recordings once and kept on disk: ``folder/<fingerprint>/<split>/``, shards and ``index.json``."""

import dataclasses
import hashlib
import itertools
import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from jaxtyping import Int, UInt8
from tqdm import tqdm

from futurepred_jax.data import counter_random
from futurepred_jax.data.recorded.recording import Cut, Recording, in_split
from futurepred_jax.data.shards import SHARD, alone, digest, explained, open_shard, shard_path, write_whole
from futurepred_jax.data.store import INDEX, usable_cores

VERSION = "1"  # changes whenever the same recordings would give other clips
FIELDS = ("video",)
ON_ERROR = ("raise", "skip")

Clip = UInt8[np.ndarray, "t size size 3"]


@dataclasses.dataclass(frozen=True)
class RecordedClips:
    """Clips of a split, on disk; a ``pipeline.Clips`` of which nothing but the pictures is known."""

    split: str
    sha256: str  # of all clips in the order of their recordings
    skipped: dict[str, str]  # recordings that gave no clip: why
    shards: tuple[np.ndarray, ...]
    order: Int[np.ndarray, "n"]  # clip at each index: the first few are from many recordings
    spec: None = None  # nothing drew them

    def __len__(self) -> int:
        return sum(map(len, self.shards))

    def batch(self, indices: Int[np.ndarray, "b"]) -> dict[str, np.ndarray]:
        """``video``, and ``noisy``, which is the same, both uint8 [b t h w 3], with ``index``.

        Raises:
            IndexError: an index is not in [0, count).
        """
        if len(indices) and not 0 <= indices.min() <= indices.max() < len(self):
            raise IndexError(f"clips {indices.min()} … {indices.max()} of {self.split}: it has 0 … {len(self) - 1}")
        video = np.empty((len(indices), *self.shards[0]["video"].shape[1:]), np.uint8)
        for row, place in enumerate(self.order[indices]):
            video[row] = self.shards[place // SHARD]["video"][place % SHARD]
        return {"video": video, "noisy": video, "index": np.asarray(indices, np.int64)}


def record_clips(
    recordings: Sequence[Recording],
    split: str,
    cut: Cut,
    folder: str | os.PathLike,
    *,
    held_out: float,
    on_error: str = "raise",
) -> RecordedClips:
    """Cut the recordings of a split into clips one after another, unless that was done before, and open them.

    Args:
        recordings: of all splits.
        split: which to open; see ``in_split``.
        cut: size, length and rate.
        folder: root of all splits.
        held_out: share of test_iid, and of val_iid.
        on_error: "raise", or "skip" recordings that cannot be read or are shorter than a clip.

    Raises:
        ValueError: ``on_error`` is unknown; a recording is bad, by name, or all are; or as ``in_split``.
        OSError: the folder cannot be written.
    """
    if on_error not in ON_ERROR:
        raise ValueError(f"config.data.on_error {on_error!r}: known are {', '.join(ON_ERROR)}")
    wanted = in_split(recordings, split, held_out=held_out)
    place = Path(folder) / _fingerprint(wanted, cut) / split
    if not (place / INDEX).exists():
        with explained(place), alone(place):
            if not (place / INDEX).exists():  # now that no other process is cutting it
                _write(place, wanted, cut, on_error)
    clips = _opened(place, split)
    if clips.skipped and on_error == "raise":
        raise _refusal(*next(iter(clips.skipped.items())))
    return clips


def describe(clips: RecordedClips) -> str:
    """What a split holds, and what was left out of it."""
    left_out = [f"\n  skipped {name}: {reason}" for name, reason in clips.skipped.items()]
    return f"{clips.split}: {len(clips)} clips, {len(left_out)} recordings skipped{''.join(left_out)}"


def _fingerprint(recordings: Sequence[Recording], cut: Cut) -> str:
    fields = [VERSION, dataclasses.asdict(cut), [(recording.name, recording.version) for recording in recordings]]
    return hashlib.blake2b(json.dumps(fields).encode(), digest_size=8).hexdigest()


def _write(place: Path, recordings: Sequence[Recording], cut: Cut, on_error: str) -> None:
    """Write the shards, then the index, without which they do not count."""
    skipped: dict[str, str] = {}
    hashes = []
    clips = _clips(recordings, cut, on_error, skipped, place.name)
    while shard := list(itertools.islice(clips, SHARD)):
        records = np.empty(len(shard), np.dtype([("video", np.uint8, shard[0].shape)]))
        records["video"] = shard
        write_whole(shard_path(place, len(hashes)), records)
        hashes.append(digest(records))
    if not hashes:
        name, reason = next(iter(skipped.items()))
        raise ValueError(f"none of the {len(recordings)} recordings of {place.name} gives a clip; {name}: {reason}")
    sha256 = hashlib.sha256("".join(hashes).encode()).hexdigest()
    index = {"shards": len(hashes), "sha256": sha256, "skipped": skipped, "cut": dataclasses.asdict(cut)}
    part = place / (INDEX + ".part")
    part.write_text(json.dumps(index, indent=1))
    part.replace(place / INDEX)


def _clips(
    recordings: Sequence[Recording], cut: Cut, on_error: str, skipped: dict[str, str], split: str
) -> Iterator[Clip]:
    """All clips in order; the remainder of a recording is dropped, and what is bad is noted in ``skipped``."""
    with ThreadPoolExecutor(usable_cores()) as pool, tqdm(total=len(recordings), desc=f"cut {split}") as bar:
        for start in range(0, len(recordings), usable_cores()):
            some = recordings[start : start + usable_cores()]
            for recording, found in zip(some, pool.map(lambda one: _read(one, cut), some), strict=True):
                bar.update()
                if isinstance(found, str):
                    if on_error == "raise":
                        raise _refusal(recording.name, found)
                    skipped[recording.name] = found
                    continue
                for first in range(0, len(found) - cut.frames + 1, cut.frames):
                    yield found[first : first + cut.frames]


def _read(recording: Recording, cut: Cut) -> np.ndarray | str:
    """A recording's frames, or what is wrong with it."""
    try:
        frames = recording.read(cut)
    except (ValueError, OSError) as error:
        return str(error)
    if len(frames) < cut.frames:
        return f"it has {len(frames)} frames at {cut.fps:g} a second, a clip takes {cut.frames}"
    return frames


def _refusal(name: str, reason: str) -> ValueError:
    return ValueError(f"{name}: {reason}. Mend or remove it, or set config.data.on_error=skip to go on without it")


def _opened(place: Path, split: str) -> RecordedClips:
    index = json.loads((place / INDEX).read_text())
    shards = [open_shard(shard_path(place, number), FIELDS) for number in range(index["shards"])]
    found = tuple(shard for shard in shards if shard is not None)
    if len(found) < len(shards):
        raise ValueError(f"shards of {place} are missing: delete that folder and run again, and they are cut anew")
    order = counter_random.permutation(
        np.array([counter_random.name_hash("recorded", split), 0], np.uint32), sum(map(len, found))
    )
    return RecordedClips(split, index["sha256"], index["skipped"], found, order)
