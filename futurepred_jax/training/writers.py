"""Where metrics go: ``metrics.jsonl``, one object a line, and TensorBoard events."""

import importlib
import json
import math
import time
from collections.abc import Mapping
from types import TracebackType

import jax
from etils import epath

from futurepred_jax.training import atomic

METRICS = "metrics.jsonl"
TENSORBOARD = "tensorboard"


class Writer:
    """Context that appends metrics to a workdir, which is touched on entering only; process 0 alone writes.

    Making one imports TensorFlow: do it before a thread that reads data does the same.

    Args:
        workdir: An existing folder.
        start: Step that the run continues from; lines of later steps are removed, so that no step stands twice.
    """

    def __init__(self, workdir: epath.PathLike, *, start: int) -> None:
        self._workdir = epath.Path(workdir)
        self._start = start
        self._file = self._summaries = None
        if jax.process_index() == 0:
            importlib.import_module("clu.metric_writers")

    def __enter__(self) -> "Writer":
        if jax.process_index() == 0:
            from clu import metric_writers  # here, since TensorFlow costs a mere reader of metrics seconds

            truncate(self._workdir / METRICS, self._start)
            truncate_events(self._workdir / TENSORBOARD, self._start)
            self._file = (self._workdir / METRICS).open("a")
            self._summaries = metric_writers.SummaryWriter(str(self._workdir / TENSORBOARD))
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._file is not None and self._summaries is not None:
            self._file.close()
            self._summaries.close()

    def write(self, step: int, split: str, metrics: Mapping[str, float]) -> None:
        """Append one line; a value that is not finite becomes null in it, since JSON has no NaN."""
        if self._file is None or self._summaries is None:
            return
        finite = {name: value for name, value in metrics.items() if math.isfinite(value)}
        line = {"step": step, "time": time.time(), "split": split, **dict.fromkeys(metrics), **finite}
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()
        self._summaries.write_scalars(step, {f"{split}/{name}": value for name, value in finite.items()})
        self._summaries.flush()


def read_metrics(path: epath.PathLike) -> list[dict]:
    """The lines of a ``metrics.jsonl``, without a last one that a kill cut short; empty where there is no file."""
    path = epath.Path(path)
    if not path.exists():
        return []
    whole = [line for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]
    return [json.loads(line) for line in whole]


def truncate(path: epath.PathLike, step: int) -> None:
    """Remove the lines of steps after ``step``."""
    kept = [line for line in read_metrics(path) if line["step"] <= step]
    atomic.write_text(path, "".join(json.dumps(line) + "\n" for line in kept))


def truncate_events(folder: epath.PathLike, step: int) -> None:
    """Remove the points of steps after ``step`` from TensorBoard's files, so that a resumed curve is one line."""
    from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
    from tensorboard.compat.proto.event_pb2 import Event  # pyright: ignore[reportAttributeAccessIssue]
    from tensorboard.summary.writer.record_writer import RecordWriter

    for path in epath.Path(folder).glob("*tfevents*"):
        events = list(RawEventFileLoader(str(path)).Load())  # ends before a record that a kill cut short
        partial = path.with_name(".partial")
        with partial.open("wb") as file:
            writer = RecordWriter(file)
            for event in events:
                if Event.FromString(event).step <= step:
                    writer.write(event)
        partial.replace(path)
