"""Reads what earlier modes left in a workdir; a missing or damaged file is an error that names the mode to run."""

import dataclasses
import hashlib
import io
import json
import math
import zipfile
from typing import Any

import numpy as np
from etils import epath
from jaxtyping import UInt8

from futurepred_jax.reporting.formats import Number

FILMS = ("context", "truth", "prediction", "copy_last")
TRACKS = ("places", "found", "colours")


@dataclasses.dataclass(frozen=True)
class Log:
    """Records of ``metrics.jsonl`` in their order; ``unreadable`` lists the numbers of broken lines, from 1."""

    records: list[dict[str, Any]]
    unreadable: list[int]
    lines: int

    def names(self) -> list[str]:
        """Quantities logged, in order of appearance."""
        found = {name: None for record in self.records for name in record}
        return [name for name in found if name not in ("step", "time", "split")]

    def series(self, split: str, name: str) -> tuple[list[int], list[Number | None]]:
        """Steps and values of a quantity; of a step logged twice (a resumed run) the later counts."""
        points = {
            record["step"]: _finite(record[name])
            for record in self.records
            if record.get("split") == split and name in record
        }
        steps = sorted(points)
        return steps, [points[step] for step in steps]


@dataclasses.dataclass(frozen=True)
class Training:
    """What was trained, and how it went."""

    name: str
    config: dict[str, Any]
    summary: dict[str, Any]
    log: Log

    @property
    def digest(self) -> str:
        """First 12 hex digits of the sha256 of the config, keys sorted."""
        return hashlib.sha256(json.dumps(self.config, sort_keys=True).encode()).hexdigest()[:12]


@dataclasses.dataclass(frozen=True)
class Prediction:
    """An entry of ``predictions/index.json`` with its frames by panel; ``tracks`` is None of recorded videos."""

    entry: dict[str, Any]
    films: dict[str, UInt8[np.ndarray, "_t _h _w 3"]]
    tracks: dict[str, np.ndarray] | None = None


@dataclasses.dataclass(frozen=True)
class Run:
    """A whole workdir; ``clips`` is None without ``evaluation_clips.json``, a tokenizer's has no predictions."""

    training: Training
    evaluation: dict[str, Any]
    clips: dict[str, Any] | None
    predictions: list[Prediction]


def read_run(workdir: epath.PathLike) -> Run:
    """Read everything that a report shows.

    Raises:
        FileNotFoundError: a mode has not run yet; the message says which.
        ValueError: a file is damaged; the message says which mode writes it anew.
    """
    workdir = epath.Path(workdir)
    training = read_training(workdir)
    evaluation = _load(workdir / "evaluation.json", mode="evaluate")
    predicts = any("model" in split["scores"] for split in evaluation["splits"].values())
    index = workdir / "predictions" / "index.json"
    entries = _load(index, mode="predict") if predicts or index.exists() else []
    clips = workdir / "evaluation_clips.json"
    return Run(
        training=training,
        evaluation=evaluation,
        clips=_load(clips, mode="evaluate") if clips.exists() else None,
        predictions=[_prediction(entry, workdir / "predictions" / entry["npz"]) for entry in entries],
    )


def read_training(workdir: epath.PathLike) -> Training:
    """Read the part of a workdir that ``--mode=train`` writes; raises as ``read_run`` does."""
    workdir = epath.Path(workdir)
    return Training(
        name=workdir.name,
        config=_load(workdir / "config.json", mode="train"),
        summary=_load(workdir / "summary.json", mode="train"),
        log=_log(workdir / "metrics.jsonl"),
    )


def _text(path: epath.Path, *, mode: str) -> str:
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing: run --mode={mode} on this workdir first")
    return path.read_text()


def _load(path: epath.Path, *, mode: str) -> Any:
    try:
        return json.loads(_text(path, mode=mode))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is damaged ({error}): delete it and run --mode={mode} again") from error


def _log(path: epath.Path) -> Log:
    """Broken lines are what a killed process leaves: they are counted, not guessed at."""
    records, unreadable = [], []
    lines = _text(path, mode="train").splitlines()
    for place, line in enumerate(lines, start=1):
        try:
            records.append(json.loads(line))
        except json.JSONDecodeError:
            unreadable.append(place)
    if not records:
        raise ValueError(f"{path} holds no readable line: delete it and run --mode=train again")
    return Log(records, unreadable, len(lines))


def _prediction(entry: dict[str, Any], path: epath.Path) -> Prediction:
    """Context and each future, by the name of the array, and the tracks that go with them."""
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing: run --mode=predict on this workdir again")
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as arrays:
            tracks = {name: arrays[name] for name in TRACKS} if TRACKS[0] in arrays else None
            return Prediction(entry, {name: arrays[name] for name in FILMS}, tracks)
    except (KeyError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} is damaged ({error}): run --mode=predict on this workdir again") from error


def _finite(value: Number | None) -> Number | None:
    return value if value is not None and math.isfinite(value) else None
