"""Bits, calibration and pairs where their values are known."""

import numpy as np
import pytest

from futurepred_jax.metrics.likelihood import Likelihood, calibration, likelihood_ratios, pairs_ranked


def digits(confidence: np.ndarray, hit: np.ndarray) -> Likelihood:
    shape = confidence.shape[:2]
    return Likelihood(np.zeros(shape, np.float32), np.asarray(hit.all(axis=-1)), confidence.astype(np.float32), hit)


def test_bits_are_spread_over_tokens_frames_and_pixels():
    found = Likelihood(
        nll=np.full((2, 32), np.log(16), np.float32),
        correct=np.zeros((2, 32), bool),
        confidence=np.ones((2, 32, 1), np.float32),
        hit=np.zeros((2, 32, 1), bool),
    )
    bits = {name: each.over_split() for name, each in likelihood_ratios(found, frames=8, frame_size=100).items()}
    assert bits["bits_per_token"] == pytest.approx(4)
    assert bits["bits_per_frame"] == pytest.approx(4 * 32 / 8)
    assert bits["bits_per_dimension"] == pytest.approx(4 * 32 / 800)


def test_honest_confidence_has_no_calibration_error_and_false_confidence_its_excess():
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.1, 1.0, (200, 100, 4))
    hit = rng.random(confidence.shape) < confidence
    assert calibration(digits(confidence, hit)).error < 0.01
    assert calibration(digits(np.minimum(confidence + 0.2, 1), hit)).error == pytest.approx(0.18, abs=0.03)


def test_certainty_is_the_last_bin():
    found = calibration(digits(np.ones((1, 4, 1)), np.array([[[True], [True], [True], [False]]])))
    assert found.error == pytest.approx(0.25)
    assert found.share[-1] == 1
    assert np.isnan(found.accuracy[:-1]).all()


def test_pairs_count_where_the_possible_clip_is_likelier():
    nll = np.array([1.0, 2.0, 5.0, 3.0, 4.0, 4.0, 0.0])
    possible = np.array([True, False, True, False, True, False, True])
    ranked = pairs_ranked(nll, possible, np.array([0, 0, 1, 1, 2, 2, 3]))
    assert ranked.over_split() == pytest.approx(0.5)  # one right, one wrong, one tie; the last is alone
    assert len(ranked.total) == 3
