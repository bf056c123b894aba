"""Reads the files of a workdir; for a missing or damaged file, the error names the mode that writes it."""

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
    """What ``metrics.jsonl`` contains.

    Attributes:
        records: The records in their order.
        unreadable: Numbers of the lines that are damaged, from 1.
        lines: Number of all lines.
    """

    records: list[dict[str, Any]]
    unreadable: list[int]
    lines: int

    def names(self) -> list[str]:
        """Returns the names of the logged quantities in order of appearance."""
        found = {name: None for record in self.records for name in record}
        return [name for name in found if name not in ("step", "time", "split")]

    def series(self, split: str, name: str) -> tuple[list[int], list[Number | None]]:
        """Returns steps and values of a quantity; of a step logged twice, in a resumed run, the later value counts."""
        points = {
            record["step"]: _finite(record[name])
            for record in self.records
            if record.get("split") == split and name in record
        }
        steps = sorted(points)
        return steps, [points[step] for step in steps]


@dataclasses.dataclass(frozen=True)
class Training:
    """A training: its config, its summary and its log."""

    name: str
    config: dict[str, Any]
    summary: dict[str, Any]
    log: Log

    @property
    def digest(self) -> str:
        """The first 12 hex digits of the sha256 of the config with sorted keys."""
        return hashlib.sha256(json.dumps(self.config, sort_keys=True).encode()).hexdigest()[:12]


@dataclasses.dataclass(frozen=True)
class Prediction:
    """An entry of ``predictions/index.json`` with its videos by panel; ``tracks`` is None for recorded videos."""

    entry: dict[str, Any]
    films: dict[str, UInt8[np.ndarray, "_t _h _w 3"]]
    tracks: dict[str, np.ndarray] | None = None


@dataclasses.dataclass(frozen=True)
class Run:
    """A finished workdir.

    Attributes:
        training: The training.
        evaluation: Content of ``evaluation.json``.
        clips: Content of ``evaluation_clips.json``, if the file exists.
        predictions: The predicted clips; a tokenizer has none.
    """

    training: Training
    evaluation: dict[str, Any]
    clips: dict[str, Any] | None
    predictions: list[Prediction]


def read_run(workdir: epath.PathLike) -> Run:
    """Reads everything that a report shows.

    Raises:
        FileNotFoundError: If a mode has not run yet; the message names it.
        ValueError: If a file is damaged; the message names the mode that writes it anew.
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
    """Reads the part of a workdir that ``--mode=train`` writes; it raises the errors of ``read_run``."""
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
    """Reads the log; lines that a killed process left incomplete are counted and left out."""
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
    """Reads a predicted clip: context and futures by the name of their array, and the tracks."""
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing: run --mode=predict on this workdir again")
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as arrays:
            tracks = {name: arrays[name] for name in TRACKS} if TRACKS[0] in arrays else None
            return Prediction(entry, {name: arrays[name] for name in FILMS}, tracks)
    except (KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} is damaged ({error}): run --mode=predict on this workdir again") from error


def _finite(value: Number | None) -> Number | None:
    return value if value is not None and math.isfinite(value) else None
