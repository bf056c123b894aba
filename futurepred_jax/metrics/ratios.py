"""Scores as totals and counts by clip, so that clips, splits and resampled splits are averaged by the same code."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Shaped
from numpy.typing import ArrayLike

Values = Float[np.ndarray, "*shape"]


class Ratio(NamedTuple):
    """A score as totals and counts for each clip and group of frames.

    The score of a split is ``total / count`` pooled over clips, then averaged over the ``f`` groups that have a count.
    A score of whole clips has one group, a score by frame has as many groups as frames.
    """

    total: Float[np.ndarray, "n f"]
    count: Float[np.ndarray, "n f"]

    def quotient(self) -> Float[np.ndarray, "n f"]:
        """Returns the score of each clip in each group, NaN where nothing was counted."""
        return np.divide(self.total, self.count, out=np.full(self.total.shape, np.nan), where=self.count > 0)

    def by_clip(self) -> Float[np.ndarray, "n"]:
        """Returns one score per clip, NaN for clips that have none."""
        return mean(self.quotient(), axis=1)

    def by_frame(self) -> Float[np.ndarray, "f"]:
        """Returns one score per group of frames, pooled over all clips."""
        return self._pooled().quotient()[0]

    def over_split(self) -> float:
        """Returns the score of the split, NaN if no clip has one."""
        return float(mean(self.by_frame()))

    def padded(self, clips: int) -> "Ratio":
        """Returns the same scores extended to ``clips`` clips, of which the added ones have no value."""
        more = ((0, clips - len(self.total)), (0, 0))
        return Ratio(np.pad(self.total, more), np.pad(self.count, more))

    def _pooled(self) -> "Ratio":
        return Ratio(self.total.sum(axis=0, keepdims=True), self.count.sum(axis=0, keepdims=True))


def ratio(values: ArrayLike, where: ArrayLike = True, *, keep: int = 1) -> Ratio:
    """Returns the mean of the finite values at which ``where`` is true.

    Args:
        values: Values with the axes clip, frame and then any others.
        where: Mask that broadcasts against ``values``.
        keep: Number of leading axes that are kept: 1 makes one group, 2 makes one group per frame.
    """
    values = np.asarray(values, np.float64)
    kept: Bool[np.ndarray, "*shape"] = np.isfinite(values) & np.asarray(where)
    return Ratio(_summed(np.where(kept, values, 0), keep), _summed(kept, keep))


def quotient(totals: ArrayLike, counts: ArrayLike, *, keep: int = 1) -> Ratio:
    """Returns the sum of ``totals`` divided by the sum of ``counts``; ``keep`` has the meaning that ``ratio`` gives."""
    return Ratio(_summed(np.asarray(totals), keep), _summed(np.asarray(counts), keep))


def _summed(values: Shaped[np.ndarray, "n *rest"], keep: int) -> Float[np.ndarray, "n f"]:
    return values.sum(axis=tuple(range(keep, values.ndim)), dtype=np.float64).reshape(len(values), -1)


def mean(values: ArrayLike, axis: int | tuple[int, ...] | None = None) -> Values:
    """Averages the finite values in float64; NaN where there is none."""
    values = np.asarray(values, np.float64)
    kept = np.isfinite(values)
    total, count = np.sum(values, axis=axis, where=kept), np.sum(kept, axis=axis)
    return np.divide(total, count, out=np.full(np.shape(total), np.nan), where=count > 0)
