"""Several futures of one context: how near the best comes, and whether their spread says where the truth may be."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from futurepred_jax.metrics.ratios import Ratio, mean, quotient, ratio
from futurepred_jax.metrics.tracking import Targets, Unit, evaluable, track

REGIONS = (0.5, 0.9)  # probability of the position regions whose coverage is counted
FEWEST = 4  # samples: the region of a plane's normal distribution needs three and one to spare
JITTER = 0.25  # px; the tracker's own error on true frames, below which no spread can be seen

Places = Float[np.ndarray, "b m t k 2"]


def sampled_places(videos: Float[Array, "b m t h w c"], targets: Targets) -> Places:
    """Where the tracker finds the targets in each sample; one that it has lost stays where it was last."""
    by_sample: Unit = jnp.swapaxes(videos, 0, 1)
    return np.swapaxes(np.asarray(jax.lax.map(lambda video: track(video, targets).place, by_sample)), 0, 1)


def sample_ratios(places: Places, targets: Targets, height: int) -> dict[str, Ratio]:
    """Best and mean of the samples' position errors, their energy score, and the coverage of their regions.

    Over all evaluable objects, found or not, so that no sample gains by losing one.

    Args:
        places: From ``sampled_places``, at least FEWEST samples.
        targets: The truth.
        height: Of a frame, in px.

    Raises:
        ValueError: There are fewer samples.
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
    """E|X - y| - E|X - X'| / 2 in px, unbiased in the number of samples (Gneiting & Raftery 2007, eq. 22).

    Zero for samples that all are the truth; the least on average for samples of the true distribution.
    """
    samples = places.shape[1]
    error = np.linalg.norm(places - true[:, None], axis=-1).mean(axis=1)
    apart = [np.linalg.norm(places - np.roll(places, shift, axis=1), axis=-1) for shift in range(1, samples)]
    return error - np.mean(apart, axis=(0, 2)) / 2


def covered(places: Places, true: Float[np.ndarray, "b t k 2"], region: float) -> Bool[np.ndarray, "b t k"]:
    """Whether the truth lies in the ellipse that holds a further sample with that probability.

    It is exact for normal samples however few: Hotelling's T^2 of a further sample follows an F distribution, which in
    the plane has a closed form. Each axis is widened by JITTER.
    """
    samples = places.shape[1]
    centre = places.mean(axis=1)
    offset = places - centre[:, None]
    covariance = np.einsum("bmtkx,bmtky->btkxy", offset, offset) / (samples - 1) + JITTER**2 * np.eye(2)
    away = true - centre
    squared = np.einsum("btkx,btkx->btk", away, np.linalg.solve(covariance, away[..., None])[..., 0])
    return squared <= (samples + 1) / samples * _hotelling(region, samples)


def _hotelling(region: float, samples: int) -> float:
    """Quantile of T^2 in two dimensions: 2 (m - 1) / (m - 2) times that of F(2, m - 2)."""
    freedom = samples - 2
    quantile = freedom / 2 * ((1 - region) ** (-2 / freedom) - 1)
    return 2 * (samples - 1) / freedom * quantile
