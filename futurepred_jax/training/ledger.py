"""Accounting of the wall time of a training over all its resumptions."""

import time
from collections.abc import Callable
from typing import Any

from futurepred_jax.training import compilation, summary, throughput
from futurepred_jax.training.checkpoints import Progress
from futurepred_jax.training.job import Job


class Ledger:
    """Counts the seconds of steps, of waiting for input, of compilation and in total.

    Args:
        job: The training.
        progress: Counts of earlier runs.
        began: ``time.time()`` at the start of this run.
        waited: Function that returns the seconds that this run has waited for batches.
        peak: FLOP/s that MFU is relative to.
    """

    def __init__(self, job: Job, progress: Progress, *, began: float, waited: Callable[[], float], peak: float) -> None:
        self._job, self._peak = job, peak
        self._meter = throughput.Meter(steps=progress.measured_steps, seconds=progress.measured_seconds)
        self._began = began - progress.seconds
        self._compiled = compilation.seconds() - progress.compile_seconds
        self._waited, self._former_waits = waited, progress.waited_seconds
        self._lap = (progress.waited_seconds, progress.measured_seconds)

    def start(self, step: int) -> None:
        """Starts to count after the first step of this run, which compiles and waits for the input to start."""
        self._former_waits -= self._waited()
        self.resume(step)

    def resume(self, step: int) -> None:
        """Starts the clock after ``step``, which the device has finished."""
        self._meter.resume(step)

    def pause(self, step: int) -> None:
        """Stops the clock after ``step``, which the device has finished."""
        self._meter.pause(step)

    def lap(self) -> dict[str, float]:
        """Returns the speed since the last lap and the account of the whole run, for a line of the log."""
        waited, measured = self._total_waited, self._meter.seconds
        shares = self._shares(waited - self._lap[0], measured - self._lap[1])
        self._lap = (waited, measured)
        entries = {**summary.rates(self._job, self._meter.lap(), self._peak), **shares}
        return {name: value for name, value in entries.items() if value is not None}

    def account(self) -> dict[str, float | None]:
        """Returns speed and shares of time over the whole run, for its summary."""
        shares = self._shares(self._total_waited, self._meter.seconds)
        return {**summary.rates(self._job, self._meter.steps_per_second, self._peak), **shares}

    def progress(self, step: int, **more: Any) -> Progress:
        """Returns the progress after ``step``; ``more`` are other fields of ``Progress``."""
        return Progress(
            step=step,
            seconds=time.time() - self._began,
            measured_steps=self._meter.steps,
            measured_seconds=self._meter.seconds,
            waited_seconds=self._total_waited,
            compile_seconds=compilation.seconds() - self._compiled,
            **more,
        )

    @property
    def _total_waited(self) -> float:
        return self._former_waits + self._waited()

    def _shares(self, waited: float, measured: float) -> dict[str, float | None]:
        return {
            "goodput": self._meter.seconds / (time.time() - self._began),
            "input_wait": waited / measured if measured else None,
            "compile_seconds": compilation.seconds() - self._compiled,
            "peak_memory_bytes": throughput.peak_memory_bytes(),
        }
