"""Distances of feature sets against closed forms, and how much of them is the size of the sample."""

import jax.numpy as jnp
import numpy as np
import pytest

from futurepred_jax.metrics.frechet import Statistics, frechet_distance, kernel_distance, statistics
from futurepred_jax.metrics.video import MIN_FRAMES, network_input, video_distance


def normal(n: int, dimension: int, seed: int, shift: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, dimension)) + shift


def test_commuting_normals_have_the_distance_of_their_axes():
    mean, deviation, other = np.array([1.0, 2.0]), np.array([1.0, 3.0]), np.array([2.0, 0.5])
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    first, second = (Statistics(m, turn @ np.diag(d**2) @ turn.T) for m, d in ((mean, deviation), (0 * mean, other)))
    expected = mean @ mean + ((deviation - other) ** 2).sum()
    assert frechet_distance(first, second) == pytest.approx(expected)
    assert frechet_distance(first, first) == pytest.approx(0, abs=1e-9)


def test_any_two_normals_of_the_plane_have_the_distance_of_the_closed_form():
    """In two dimensions the trace of a root of M is sqrt(tr M + 2 sqrt(det M))."""
    first, second = (statistics(normal(50, 2, seed) @ np.random.default_rng(seed).random((2, 2))) for seed in (0, 1))
    product = first.covariance @ second.covariance
    cross = np.sqrt(np.trace(product) + 2 * np.sqrt(np.linalg.det(product)))
    away = first.mean - second.mean
    expected = away @ away + np.trace(first.covariance) + np.trace(second.covariance) - 2 * cross
    assert frechet_distance(first, second) == pytest.approx(expected)
    assert frechet_distance(second, first) == pytest.approx(expected)


@pytest.mark.parametrize(("count", "expected"), [(16, 472), (256, 129), (1024, 34), (2048, 17)])
def test_two_samples_of_one_distribution_are_apart_by_their_size(count, expected):
    """In 400 dimensions of total variance 400 that falls as 1 / i from one axis to the next."""
    deviation = np.arange(1, 401) ** -0.5
    deviation *= 20 / np.linalg.norm(deviation)
    first, second = (statistics(normal(count, 400, seed) * deviation) for seed in (1, 2))
    assert frechet_distance(first, second) == pytest.approx(expected, rel=0.08)


def test_the_kernel_distance_does_not_depend_on_the_size_of_the_sample():
    for count in (16, 128):
        same = [kernel_distance(normal(count, 40, seed), normal(count, 40, 100 + seed)) for seed in range(40)]
        assert abs(np.mean(same)) < 3 * np.std(same) / np.sqrt(len(same))
        assert kernel_distance(normal(count, 40, 0), normal(count, 40, 1, shift=1.0)) > 5 * np.std(same)


def test_the_kernel_distance_is_the_mean_over_different_pairs():
    first, second = normal(3, 2, 0), normal(4, 2, 1)

    def kernel(x: np.ndarray, y: np.ndarray) -> float:
        return float((x @ y / 2 + 1) ** 3)

    within = [
        np.mean([kernel(x, y) for i, x in enumerate(s) for j, y in enumerate(s) if i != j]) for s in (first, second)
    ]
    across = np.mean([kernel(x, y) for x in first for y in second])
    assert kernel_distance(first, second) == pytest.approx(sum(within) - 2 * across)


@pytest.mark.parametrize("features", [normal(1, 4, 0), np.full((3, 4), np.nan)])
def test_features_that_have_no_covariance_are_refused(features):
    with pytest.raises(ValueError, match="needs at least 2, all finite"):
        statistics(features)


def test_one_vector_has_no_kernel_distance():
    with pytest.raises(ValueError, match="1 and 3 feature vectors"):
        kernel_distance(normal(1, 4, 0), normal(3, 4, 0))


def test_both_distances_come_together():
    found = video_distance(normal(30, 4, 0), normal(30, 4, 1, shift=2.0))
    assert found.fvd == pytest.approx(16, rel=0.3)
    assert found.kvd > 0


def test_frames_are_stretched_to_what_the_network_was_trained_on():
    video = np.zeros((1, MIN_FRAMES, 8, 8, 3), np.float32)
    video[..., 4:, :] = 1
    shown = np.asarray(network_input(jnp.asarray(video)))
    assert shown.shape == (1, MIN_FRAMES, 224, 224, 3)
    assert (shown.min(), shown.max()) == (-1, 1)
    np.testing.assert_allclose(shown[0, 0, 0, [0, 111, 112, 223], 0], [-1, -1 / 28, 1 / 28, 1], atol=1e-6)
    with pytest.raises(ValueError, match="clips of 8 frames: FVD needs 9"):
        network_input(jnp.asarray(video[:, :8]))
