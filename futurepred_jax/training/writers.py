"""Writing of metrics to ``metrics.jsonl``, one object per line, and to TensorBoard."""

import importlib
import json
import math
import socket
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any

import jax
from etils import epath

from futurepred_jax.training import atomic

METRICS = "metrics.jsonl"
TENSORBOARD = "tensorboard"


class Writer:
    """Context manager that appends metrics to the files of a workdir, on process 0 only.

    No file is changed before entering. The constructor imports TensorFlow and must run before a thread that reads data
    does the same.

    Args:
        workdir: An existing folder.
        start: Step that the run continues from; lines of later steps are removed, so that no step occurs twice.
    """

    def __init__(self, workdir: epath.PathLike, *, start: int) -> None:
        self._workdir = epath.Path(workdir)
        self._start = start
        self._file = self._events = None
        if jax.process_index() == 0:
            importlib.import_module("tensorflow")

    def __enter__(self) -> "Writer":
        if jax.process_index() == 0:
            truncate(self._workdir / METRICS, self._start)
            truncate_events(self._workdir / TENSORBOARD, self._start)
            self._file = (self._workdir / METRICS).open("a")
            self._events = _new_events(self._workdir / TENSORBOARD)
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._file is not None and self._events is not None:
            self._file.close()
            self._events.close()

    def write(self, step: int, split: str, metrics: Mapping[str, float]) -> None:
        """Appends one line.

        Args:
            step: Number of the step.
            split: Name of the split, such as ``train``.
            metrics: Values by name; a value that is not finite is written as null, since JSON has no NaN.
        """
        if self._file is None or self._events is None:
            return
        finite = {name: value for name, value in metrics.items() if math.isfinite(value)}
        line = {"step": step, "time": time.time(), "split": split, **dict.fromkeys(metrics), **finite}
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()
        points = [{"tag": f"{split}/{name}", "simple_value": value} for name, value in finite.items()]
        _write_event(self._events, step=step, wall_time=line["time"], summary={"value": points})


def _new_events(folder: epath.Path) -> Any:
    """Opens a new file of events without TensorFlow, by which a line of metrics took 13 ms."""
    from tensorboard.summary.writer.record_writer import (
        RecordWriter,
    )  # imported here, since readers of metrics do not need it

    folder.mkdir(parents=True, exist_ok=True)
    name = f"events.out.tfevents.{time.time_ns()}.{socket.gethostname()}"
    events = RecordWriter((folder / name).open("wb"))
    _write_event(events, wall_time=time.time(), file_version="brain.Event:2")
    return events


def _write_event(events: Any, **fields: Any) -> None:
    from tensorboard.compat.proto.event_pb2 import Event  # pyright: ignore[reportAttributeAccessIssue]

    events.write(Event(**fields).SerializeToString())
    events.flush()


def read_metrics(path: epath.PathLike) -> list[dict]:
    """Returns the lines of a ``metrics.jsonl``, without an incomplete last one; empty if there is no file."""
    path = epath.Path(path)
    if not path.exists():
        return []
    whole = [line for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]
    return [json.loads(line) for line in whole]


def truncate(path: epath.PathLike, step: int) -> None:
    """Removes the lines of steps after ``step``."""
    kept = [line for line in read_metrics(path) if line["step"] <= step]
    atomic.write_text(path, "".join(json.dumps(line) + "\n" for line in kept))


def truncate_events(folder: epath.PathLike, step: int) -> None:
    """Removes the points of steps after ``step`` from TensorBoard's files, so that a resumed curve is one line."""
    from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
    from tensorboard.compat.proto.event_pb2 import Event  # pyright: ignore[reportAttributeAccessIssue]
    from tensorboard.summary.writer.record_writer import RecordWriter

    for path in epath.Path(folder).glob("*tfevents*"):
        events = list(RawEventFileLoader(str(path)).Load())  # without an incomplete last record
        partial = path.with_name(".partial")
        with partial.open("wb") as file:
            writer = RecordWriter(file)
            for event in events:
                if Event.FromString(event).step <= step:
                    writer.write(event)
        partial.replace(path)
