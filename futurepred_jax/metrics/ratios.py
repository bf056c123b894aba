"""Scores as sums over counts, one pair a clip and frame, so that clips, splits and resampled splits reduce alike."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Shaped
from numpy.typing import ArrayLike

Values = Float[np.ndarray, "*shape"]


class Ratio(NamedTuple):
    """A score is ``total / count``, pooled over clips, then averaged over the ``f`` groups of frames that have any.

    A score of a whole clip has one group, a score by frame as many as frames.
    """

    total: Float[np.ndarray, "n f"]
    count: Float[np.ndarray, "n f"]

    def quotient(self) -> Float[np.ndarray, "n f"]:
        """Each clip's value in each group, NaN where nothing was counted."""
        return np.divide(self.total, self.count, out=np.full(self.total.shape, np.nan), where=self.count > 0)

    def by_clip(self) -> Float[np.ndarray, "n"]:
        """One value a clip; NaN for clips that have none."""
        return mean(self.quotient(), axis=1)

    def by_frame(self) -> Float[np.ndarray, "f"]:
        """One value a group of frames, pooled over all clips."""
        return self._pooled().quotient()[0]

    def over_split(self) -> float:
        """One value for the split."""
        return float(mean(self.by_frame()))

    def padded(self, clips: int) -> "Ratio":
        """The same over more clips, of which the further ones have no value."""
        more = ((0, clips - len(self.total)), (0, 0))
        return Ratio(np.pad(self.total, more), np.pad(self.count, more))

    def _pooled(self) -> "Ratio":
        return Ratio(self.total.sum(axis=0, keepdims=True), self.count.sum(axis=0, keepdims=True))


def ratio(values: ArrayLike, where: ArrayLike = True, *, keep: int = 1) -> Ratio:
    """The mean of the finite values at which ``where`` holds.

    Args:
        values: Clips first, then frames, then anything.
        where: Broadcasts against them.
        keep: Leading axes that stay apart: 1 makes one group, 2 a group a frame.
    """
    values = np.asarray(values, np.float64)
    kept: Bool[np.ndarray, "*shape"] = np.isfinite(values) & np.asarray(where)
    return Ratio(_summed(np.where(kept, values, 0), keep), _summed(kept, keep))


def quotient(totals: ArrayLike, counts: ArrayLike, *, keep: int = 1) -> Ratio:
    """The sum of ``totals`` over the sum of ``counts``; ``keep`` as in ``ratio``."""
    return Ratio(_summed(np.asarray(totals), keep), _summed(np.asarray(counts), keep))


def _summed(values: Shaped[np.ndarray, "n *rest"], keep: int) -> Float[np.ndarray, "n f"]:
    return values.sum(axis=tuple(range(keep, values.ndim)), dtype=np.float64).reshape(len(values), -1)


def mean(values: ArrayLike, axis: int | tuple[int, ...] | None = None) -> Values:
    """Mean in float64 over the finite values; NaN where there is none."""
    values = np.asarray(values, np.float64)
    kept = np.isfinite(values)
    total, count = np.sum(values, axis=axis, where=kept), np.sum(kept, axis=axis)
    return np.divide(total, count, out=np.full(np.shape(total), np.nan), where=count > 0)
