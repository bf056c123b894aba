"""Where the wall time of a training goes, over all its resumptions."""

import time
from collections.abc import Callable
from typing import Any

from futurepred_jax.training import compilation, summary, throughput
from futurepred_jax.training.checkpoints import Progress
from futurepred_jax.training.job import Job


class Ledger:
    """Counts seconds of steps, of waiting for input, of compiling, and of everything.

    Args:
        job: What is trained.
        progress: What earlier runs have counted.
        began: ``time.time()`` when this run began.
        waited: Tells the seconds that this run has waited for batches.
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
        """Begin to count after this run's first step, which compiled, and waited for an input that had to start."""
        self._former_waits -= self._waited()
        self.resume(step)

    def resume(self, step: int) -> None:
        """Start the clock of the steps after ``step``, whose work the device has finished."""
        self._meter.resume(step)

    def pause(self, step: int) -> None:
        """Stop it after ``step``, whose work the device has finished."""
        self._meter.pause(step)

    def lap(self) -> dict[str, float]:
        """Speed since the last lap and the account of the whole run, for a line of the log."""
        waited, measured = self._total_waited, self._meter.seconds
        shares = self._shares(waited - self._lap[0], measured - self._lap[1])
        self._lap = (waited, measured)
        entries = {**summary.rates(self._job, self._meter.lap(), self._peak), **shares}
        return {name: value for name, value in entries.items() if value is not None}

    def account(self) -> dict[str, float | None]:
        """Speed and shares over the whole run, for its summary."""
        shares = self._shares(self._total_waited, self._meter.seconds)
        return {**summary.rates(self._job, self._meter.steps_per_second, self._peak), **shares}

    def progress(self, step: int, **more: Any) -> Progress:
        """How far the run is."""
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
