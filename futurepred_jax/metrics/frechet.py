"""Distances between two sets of feature vectors in float64: the Fréchet distance and a kernel distance."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

Features = Float[np.ndarray, "n d"]


class Statistics(NamedTuple):
    """Mean and covariance (over n - 1) of a set of features."""

    mean: Float[np.ndarray, "d"]
    covariance: Float[np.ndarray, "d d"]


def statistics(features: Features) -> Statistics:
    """Fits a normal distribution to feature vectors.

    Raises:
        ValueError: If there are fewer than two vectors, or a value is not finite.
    """
    if len(features) < 2 or not np.isfinite(features).all():
        raise ValueError(f"{len(features)} feature vectors: a covariance needs at least 2, all finite")
    features = np.asarray(features, np.float64)
    return Statistics(features.mean(axis=0), np.atleast_2d(np.cov(features, rowvar=False)))


def frechet_distance(first: Statistics, second: Statistics) -> float:
    """Computes the squared 2-Wasserstein distance between two normal distributions (Dowson & Landau 1982).

    It is |m1 - m2|^2 + tr(C1 + C2 - 2 (C1^1/2 C2 C1^1/2)^1/2). All matrices whose roots are taken are symmetric, so no
    complex numbers arise, even for covariances without full rank.
    """
    root = _root(first.covariance)
    cross = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ second.covariance @ root), 0)).sum()
    away = first.mean - second.mean
    return float(away @ away + np.trace(first.covariance) + np.trace(second.covariance) - 2 * cross)


def kernel_distance(first: Features, second: Float[np.ndarray, "m d"]) -> float:
    """Computes the unbiased squared MMD under the kernel (x.y / d + 1)^3 (Bińkowski et al. 2018, §4).

    Its expectation is 0 for two samples of one distribution at every sample size, so it may be negative.

    Raises:
        ValueError: If a set has fewer than two vectors.
    """
    if min(len(first), len(second)) < 2:
        raise ValueError(f"{len(first)} and {len(second)} feature vectors: a kernel distance needs at least 2 of each")
    first, second = np.asarray(first, np.float64), np.asarray(second, np.float64)
    return float(_mean_apart(first) + _mean_apart(second) - 2 * _kernel(first, second).mean())


def _root(matrix: Float[np.ndarray, "d d"]) -> Float[np.ndarray, "d d"]:
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T


def _kernel(first: Features, second: Float[np.ndarray, "m d"]) -> Float[np.ndarray, "n m"]:
    return (first @ second.T / first.shape[1] + 1) ** 3


def _mean_apart(features: Features) -> float:
    """Returns the mean of the kernel over all pairs of different vectors."""
    values = _kernel(features, features)
    return float((values.sum() - np.trace(values)) / (len(values) * (len(values) - 1)))
