"""Bootstrap intervals of scores, and of differences between predictors, over the clips of a split."""

import functools
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from futurepred_jax.metrics.ratios import Ratio, mean

RESAMPLES = 1000
LEVEL = 0.95  # share of the resampled scores that lie inside an interval


class Interval(NamedTuple):
    """A mean with the lower and the upper end of its bootstrap interval; NaN where they are unknown."""

    mean: float
    low: float
    high: float


def interval(ratio: Ratio, *, seed: int = 0) -> Interval:
    """Computes the percentile bootstrap of a split's score over its clips (Efron & Tibshirani 1993, §13.3).

    Args:
        ratio: The score's totals and counts, clip by clip.
        seed: Seed of the resampling. The same seed resamples the same clips for every score.

    Returns:
        The score and its interval. The score is NaN if no clip has one, and the ends of the interval are NaN if fewer
        than two clips have one, since nothing is known then about how much clips differ.
    """
    score = ratio.over_split()
    if np.count_nonzero(ratio.count.sum(axis=1)) < 2:
        return Interval(score, np.nan, np.nan)
    often = _resamples(len(ratio.total), seed)
    resampled = mean(Ratio(often @ ratio.total, often @ ratio.count).quotient(), axis=1)
    resampled = resampled[np.isfinite(resampled)]
    low, high = np.quantile(resampled, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(score, float(low), float(high))


def paired_interval(scores: Float[np.ndarray, "n"], others: Float[np.ndarray, "n"], *, seed: int = 0) -> Interval:
    """Computes the bootstrap interval of the mean of ``scores - others`` over clips.

    Args:
        scores: One value per clip, NaN where there is none.
        others: The values of the same clips for another predictor, or under another condition. A clip that lacks either
            value is left out.
        seed: Seed of the resampling.
    """
    difference = scores - others
    known = np.isfinite(difference)
    total = np.where(known, difference, 0)
    return interval(Ratio(total[:, None], known.astype(float)[:, None]), seed=seed)


@functools.lru_cache(maxsize=8)
def _resamples(clips: int, seed: int) -> Int[np.ndarray, "resamples clips"]:
    """Returns how often each clip occurs in each resampled split."""
    return np.random.default_rng(seed).multinomial(clips, np.full(clips, 1 / clips), size=RESAMPLES)
