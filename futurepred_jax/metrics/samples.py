"""Scores of several sampled futures of one context: the best one, the energy score, and the coverage of regions."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from futurepred_jax.metrics.ratios import Ratio, mean, quotient, ratio
from futurepred_jax.metrics.tracking import Targets, Unit, evaluable, track

REGIONS = (0.5, 0.9)  # nominal probabilities of the regions whose coverage is measured
FEWEST = 4  # least number of samples: a normal distribution in the plane needs three, and one to spare
JITTER = 0.25  # px; error of the tracker on true frames, below which a spread cannot be measured

Places = Float[np.ndarray, "b m t k 2"]


def sampled_places(videos: Float[Array, "b m t h w c"], targets: Targets) -> Places:
    """Tracks the targets in each sample; a target that is not detected keeps its last place.

    Args:
        videos: ``m`` sampled futures of each clip, in [0, 1].
        targets: The true targets.

    Returns:
        Places (x, y) in px.
    """
    by_sample: Unit = jnp.swapaxes(videos, 0, 1)
    return np.swapaxes(np.asarray(jax.lax.map(lambda video: track(video, targets).place, by_sample)), 0, 1)


def sample_ratios(places: Places, targets: Targets, height: int) -> dict[str, Ratio]:
    """Returns the best and mean position error of the samples, their energy score, and the coverage of their regions.

    All evaluable targets count, whether found or not, so that no sample gains by losing one.

    Args:
        places: Places in at least FEWEST samples, from ``sampled_places``.
        targets: The true targets.
        height: Height of a frame in px.

    Raises:
        ValueError: If there are fewer than FEWEST samples.
    """
    samples = places.shape[1]
    if samples < FEWEST:
        raise ValueError(f"{samples} samples: regions need at least {FEWEST}; set config.evaluation.samples higher")
    true, scored = np.asarray(targets.place, np.float64)[:, None], np.asarray(evaluable(targets, height))
    places = places.astype(np.float64)
    error = np.linalg.norm(places - true, axis=-1)
    by_sample = mean(np.where(scored[:, None], error, np.nan), axis=(2, 3))
    inside = {f"coverage_{100 * region:.0f}": covered(places, true[:, 0], region) for region in REGIONS}
    return {
        "ade_best": ratio(by_sample.min(axis=1)),
        "ade_mean": ratio(mean(by_sample, axis=1)),
        "energy_score": ratio(energy_score(places, true[:, 0]), scored),
        **{name: quotient(hits & scored, scored) for name, hits in inside.items()},
    }


def energy_score(places: Places, true: Float[np.ndarray, "b t k 2"]) -> Float[np.ndarray, "b t k"]:
    """Computes E|X - y| - E|X - X'| / 2 in px, unbiased in the number of samples (Gneiting & Raftery 2007, eq. 22).

    It is zero if all samples equal the truth, and on average smallest for samples of the true distribution.
    """
    samples = places.shape[1]
    error = np.linalg.norm(places - true[:, None], axis=-1).mean(axis=1)
    apart = [np.linalg.norm(places - np.roll(places, shift, axis=1), axis=-1) for shift in range(1, samples)]
    return error - np.mean(apart, axis=(0, 2)) / 2


def covered(places: Places, true: Float[np.ndarray, "b t k 2"], region: float) -> Bool[np.ndarray, "b t k"]:
    """Returns whether the truth lies in the ellipse that contains a further sample with probability ``region``.

    The ellipse is exact for any number of normal samples: Hotelling's T^2 of a further sample follows an F
    distribution, which has a closed form in the plane. Each axis is widened by JITTER.
    """
    samples = places.shape[1]
    centre = places.mean(axis=1)
    offset = places - centre[:, None]
    covariance = np.einsum("bmtkx,bmtky->btkxy", offset, offset) / (samples - 1) + JITTER**2 * np.eye(2)
    away = true - centre
    squared = np.einsum("btkx,btkx->btk", away, np.linalg.solve(covariance, away[..., None])[..., 0])
    return squared <= (samples + 1) / samples * _hotelling(region, samples)


def _hotelling(region: float, samples: int) -> float:
    """Returns the quantile of T^2 in two dimensions: 2 (m - 1) / (m - 2) times that of F(2, m - 2)."""
    freedom = samples - 2
    quantile = freedom / 2 * ((1 - region) ** (-2 / freedom) - 1)
    return 2 * (samples - 1) / freedom * quantile
