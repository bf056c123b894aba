"""Running sums of metrics, kept on the device, so that the loop waits for it only where it logs."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from futurepred_jax.training.step import Metrics

MUST_BE_FINITE = ("loss", "grad_norm", "param_norm")


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Sums:
    """Sums over ``count`` steps; ``broken`` is the first step whose loss or norms were not finite, or -1."""

    totals: PyTree  # dict of float32 scalars
    count: PyTree  # int32 scalar
    broken: PyTree  # int32 scalar


class Window:
    """The steps since the last logged line."""

    def __init__(self, saved: dict | None = None) -> None:
        """Start empty, or from what ``saved`` gave."""
        self._sums = None if saved is None else _restored(saved)

    def add(self, metrics: Metrics, step: int) -> None:
        """Add the metrics of a step, without waiting for them."""
        if self._sums is None:
            self._sums = _restored({"totals": dict.fromkeys(metrics, 0.0), "count": 0})
        self._sums = _add(self._sums, dict(metrics), np.int32(step))

    def require_finite(self) -> None:
        """Wait for the device and check every step of the window.

        Raises:
            FloatingPointError: When the loss or a norm was not finite, with the first such step.
        """
        step = -1 if self._sums is None else int(self._sums.broken)
        if step >= 0:
            raise FloatingPointError(
                f"the loss, the gradient or the parameters are not finite at step {step}; means of the metrics since "
                f"the last line: {self.means()}. Nothing was saved, and the last good checkpoint is kept. Lower the "
                f"learning rate or clip_norm, or lengthen warm-up, then repeat the command to continue from it"
            )

    def means(self) -> dict[str, float]:
        """Mean of each metric over the window; waits for the device."""
        if self._sums is None:
            return {}
        sums = jax.device_get(self._sums)
        return {name: float(total / sums.count) for name, total in sums.totals.items()}

    def saved(self) -> dict | None:
        """The sums as JSON values, exact in float32, so that a resumed window ends as the uninterrupted one."""
        if self._sums is None:
            return None
        sums = jax.device_get(self._sums)
        return {"totals": {name: float(total) for name, total in sums.totals.items()}, "count": int(sums.count)}


@functools.partial(jax.jit, donate_argnums=0)
def _add(sums: Sums, metrics: Metrics, step: PyTree) -> Sums:
    finite = jnp.all(jnp.isfinite(jnp.stack([metrics[name] for name in MUST_BE_FINITE])))
    return Sums(
        totals={name: sums.totals[name] + jnp.float32(value) for name, value in metrics.items()},
        count=sums.count + 1,
        broken=jnp.where((sums.broken < 0) & ~finite, step, sums.broken),
    )


def _restored(saved: dict) -> Sums:
    totals = {name: np.float32(total) for name, total in saved["totals"].items()}
    return Sums(totals, np.int32(saved["count"]), np.int32(-1))
