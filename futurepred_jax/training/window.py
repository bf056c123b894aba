"""Running sums of metrics on the device, so that the training loop waits for the device only when it logs."""

import dataclasses
import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from futurepred_jax.training.step import Metrics, is_sound


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Sums:
    """Sums of metrics over sound steps (``training.step.is_sound``).

    Attributes:
        totals: Sum of each metric over the sound steps, float32 scalars by name.
        count: Number of sound steps, an int32 scalar.
        unsound: Number of other steps, an int32 scalar.
        broken: Number of the first other step, or -1, an int32 scalar.
    """

    totals: PyTree
    count: PyTree
    unsound: PyTree
    broken: PyTree


class MetricWindow:
    """Metrics of the steps since the last logged line.

    Args:
        saved: Sums to continue from, as ``saved`` returns them; None starts empty.
    """

    def __init__(self, saved: dict | None = None) -> None:
        self._sums = None if saved is None else _restored(saved)

    def add(self, metrics: Metrics, step: int) -> None:
        """Adds the metrics of a step without waiting for the device."""
        if self._sums is None:
            self._sums = _restored({"totals": dict.fromkeys(metrics, 0.0), "count": 0})
        self._sums = _add(self._sums, dict(metrics), np.int32(step))

    def require_sound(self, *, skip: bool) -> None:
        """Waits for the device and checks every step of the window.

        Args:
            skip: Whether unsound steps are allowed, as long as one step is sound.

        Raises:
            FloatingPointError: If a step is not sound; the message names the first one.
        """
        step = -1 if self._sums is None else int(self._sums.broken)
        if step < 0 or self._sums is None or (skip and int(self._sums.count)):
            return
        raise FloatingPointError(
            f"the loss, the gradient or the parameters exploded or are not finite at step {step}, batch {step - 1}; "
            f"means of the metrics of the steps before it since the last line: {self.means()}. Nothing was saved, and "
            f"the last good checkpoint is kept. Look at the step with --mode=replay --step={step}. Lower the learning "
            "rate or clip_norm, or lengthen warm-up, then repeat the command to continue from it; or leave such steps "
            "out with --config.train.on_nan=skip"
        )

    def skipped(self) -> tuple[int, int]:
        """Returns the number of unsound steps and the first one, which is -1 if none is known."""
        return (0, -1) if self._sums is None else (int(self._sums.unsound), int(self._sums.broken))

    def means(self) -> dict[str, float]:
        """Waits for the device and returns the mean of each metric over the sound steps, NaN without any."""
        if self._sums is None:
            return {}
        sums = jax.device_get(self._sums)
        return {name: float(total / sums.count) if sums.count else math.nan for name, total in sums.totals.items()}

    def saved(self) -> dict | None:
        """Returns the sums as JSON values, exact in float32, so that a resumed window has the same means."""
        if self._sums is None:
            return None
        sums = jax.device_get(self._sums)
        totals = {name: float(total) for name, total in sums.totals.items()}
        return {"totals": totals, "count": int(sums.count), "unsound": int(sums.unsound)}


@functools.partial(jax.jit, donate_argnums=0)
def _add(sums: Sums, metrics: Metrics, step: PyTree) -> Sums:
    sound = is_sound(metrics)
    return Sums(
        totals={name: sums.totals[name] + jnp.where(sound, jnp.float32(value), 0) for name, value in metrics.items()},
        count=sums.count + sound,
        unsound=sums.unsound + ~sound,
        broken=jnp.where((sums.broken < 0) & ~sound, step, sums.broken),
    )


def _restored(saved: dict) -> Sums:
    totals = {name: np.float32(total) for name, total in saved["totals"].items()}
    return Sums(totals, np.int32(saved["count"]), np.int32(saved.get("unsound", 0)), np.int32(-1))
