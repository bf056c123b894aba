"""Traces of training steps by ``jax.profiler``, for TensorBoard or xprof."""

import contextlib
import re
from collections.abc import Iterator
from types import TracebackType
from typing import Any

import jax
from etils import epath


class Profiler:
    """Context manager that traces the steps FIRST to LAST, both included, and writes the trace into a folder.

    Args:
        steps: FIRST:LAST, or "" for no trace.
        folder: TensorBoard's folder.

    Raises:
        ValueError: If ``steps`` has another form.
    """

    def __init__(self, steps: str, folder: epath.PathLike) -> None:
        found = re.fullmatch(r"(\d+):(\d+)", steps or "0:0")
        if found is None or int(found[1]) > int(found[2]):
            raise ValueError(f"profile {steps!r}: give the first and the last step to trace, such as 10:12")
        self._first, self._last = int(found[1]), int(found[2])
        self._folder = folder
        self._traces = False

    def __enter__(self) -> "Profiler":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop()

    @contextlib.contextmanager
    def step(self, number: int) -> Iterator[None]:
        """Starts the trace before its first step, and names the step in it."""
        if number == self._first:
            jax.profiler.start_trace(str(self._folder))
            self._traces = True
        with jax.profiler.StepTraceAnnotation("train", step_num=number):
            yield

    def after(self, number: int, metrics: Any) -> None:
        """Ends the trace after its last step, once the device has finished it."""
        if number == self._last and self._traces:
            jax.block_until_ready(metrics)
            self._stop()

    def _stop(self) -> None:
        if self._traces:
            jax.profiler.stop_trace()
            self._traces = False
