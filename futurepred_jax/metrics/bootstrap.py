"""How far a difference between two predictors can be trusted, from the clips that both were scored on."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

RESAMPLES = 1000
LEVEL = 0.95


class Interval(NamedTuple):
    """Mean of a difference and the ends of its bootstrap interval."""

    mean: float
    low: float
    high: float


def paired_interval(
    scores: Float[np.ndarray, "n"], others: Float[np.ndarray, "n"], *, seed: int = 0, level: float = LEVEL
) -> Interval:
    """Percentile bootstrap of the mean of ``scores - others`` over clips (Efron & Tibshirani 1993, §13.3).

    Clips that lack either score are left out; all three values are NaN where none is left.

    Args:
        scores: One value a clip.
        others: The same clips' values under another predictor.
        seed: Of the resampling; the same seed gives the same interval.
        level: Share of resampled means between ``low`` and ``high``.
    """
    difference = scores - others
    difference = difference[np.isfinite(difference)]
    if not len(difference):
        return Interval(*[float("nan")] * 3)
    draws = np.random.default_rng(seed).integers(len(difference), size=(RESAMPLES, len(difference)))
    low, high = np.quantile(difference[draws].mean(axis=1), [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(difference.mean()), float(low), float(high))
