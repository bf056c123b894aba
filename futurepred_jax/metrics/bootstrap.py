"""How far a score, or a difference between two predictors, can be trusted, from the clips that it was measured on."""

import functools
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from futurepred_jax.metrics.ratios import Ratio, mean

RESAMPLES = 1000
LEVEL = 0.95


class Interval(NamedTuple):
    """A mean and the ends of its bootstrap interval."""

    mean: float
    low: float
    high: float


def interval(ratio: Ratio, *, seed: int = 0, level: float = LEVEL) -> Interval:
    """Percentile bootstrap of a split's score over its clips (Efron & Tibshirani 1993, §13.3).

    All three values are NaN where there is no score.

    Args:
        ratio: The score's sums, clip by clip.
        seed: Of the resampling; the same seed resamples the same clips for every score.
        level: Share of resampled scores between ``low`` and ``high``.
    """
    often = _resamples(len(ratio.total), seed)
    resampled = mean(Ratio(often @ ratio.total, often @ ratio.count).quotient(), axis=1)
    resampled = resampled[np.isfinite(resampled)]
    low, high = np.quantile(resampled, [(1 - level) / 2, (1 + level) / 2]) if len(resampled) else [np.nan] * 2
    return Interval(ratio.over_split(), float(low), float(high))


def paired_interval(
    scores: Float[np.ndarray, "n"], others: Float[np.ndarray, "n"], *, seed: int = 0, level: float = LEVEL
) -> Interval:
    """As ``interval``, of the mean of ``scores - others`` over clips; those that lack either score are left out.

    Args:
        scores: One value a clip.
        others: The same clips' values under another predictor, or of the same clips under another condition.
        seed: As there.
        level: As there.
    """
    difference = scores - others
    known = np.isfinite(difference)
    total = np.where(known, difference, 0)
    return interval(Ratio(total[:, None], known.astype(float)[:, None]), seed=seed, level=level)


@functools.lru_cache(maxsize=8)
def _resamples(clips: int, seed: int) -> Int[np.ndarray, "resamples clips"]:
    """How often each clip is drawn in each resampled split."""
    return np.random.default_rng(seed).multinomial(clips, np.full(clips, 1 / clips), size=RESAMPLES)
