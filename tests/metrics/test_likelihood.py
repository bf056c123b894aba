"""Bits, calibration and pairs where their values are known."""

import numpy as np
import pytest

from futurepred_jax.metrics.likelihood import (
    TEMPERATURES,
    Likelihood,
    calibration,
    likelihood_ratios,
    pairs_ranked,
    tempered,
)


def digits(confidence: np.ndarray, hit: np.ndarray) -> Likelihood:
    """The same at every temperature."""
    every = np.repeat(confidence[..., None], len(TEMPERATURES), axis=-1).astype(np.float32)
    return Likelihood(np.zeros_like(every[:, :, 0]), np.asarray(hit.all(axis=-1)), every, hit)


def test_bits_are_spread_over_tokens_frames_and_pixels():
    found = Likelihood(
        nll=np.full((2, 32, len(TEMPERATURES)), np.log(16), np.float32),
        correct=np.zeros((2, 32), bool),
        confidence=np.ones((2, 32, 1, len(TEMPERATURES)), np.float32),
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


def drawn_at(temperature: float) -> Likelihood:
    """Of a model whose logits are those of the truth, times a temperature: it is surer than it should be above 1."""
    rng = np.random.default_rng(1)
    logits = rng.normal(size=(40, 100, 2, 8))
    true = (logits + rng.gumbel(size=logits.shape)).argmax(axis=-1)
    said = temperature * logits[..., None] / np.asarray(TEMPERATURES)
    said = said - np.logaddexp.reduce(said, axis=-2, keepdims=True)
    nll = -np.take_along_axis(said, true[..., None, None], axis=-2).sum(axis=(2, 3))
    hit = logits.argmax(axis=-1) == true
    return Likelihood(nll, hit.all(axis=-1), np.exp(said.max(axis=-2)), hit)


@pytest.mark.parametrize("temperature", [0.7, 1.0, 1.5])
def test_the_fitted_temperature_undoes_a_wrong_one(temperature):
    right, wrong = tempered(drawn_at(1.0)), tempered(drawn_at(temperature))
    assert wrong["fitted_temperature"] == pytest.approx(temperature, rel=0.06)
    assert wrong["bits_per_token_fitted"] == pytest.approx(right["bits_per_token_fitted"], abs=0.01)
    assert wrong["calibration_error_fitted"] < 0.02


def test_no_clip_is_fitted_to_itself():
    sure, unsure = drawn_at(1.5), drawn_at(0.7)
    even = np.arange(len(sure.nll)) % 2 == 0

    def by_turns(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
        return np.where(even.reshape(-1, *[1] * (ours.ndim - 1)), ours, theirs)

    mixed = tempered(Likelihood(*map(by_turns, sure, unsure)))
    assert mixed["bits_per_token_fitted"] > tempered(drawn_at(1.0))["bits_per_token_fitted"] + 0.05


def test_one_clip_cannot_be_fitted_by_others():
    assert tempered(digits(np.ones((1, 4, 1)), np.ones((1, 4, 1), bool))) == {}


def test_pairs_count_where_the_possible_clip_is_likelier():
    nll = np.array([1.0, 2.0, 5.0, 3.0, 4.0, 4.0, 0.0])
    possible = np.array([True, False, True, False, True, False, True])
    ranked = pairs_ranked(nll, possible, np.array([0, 0, 1, 1, 2, 2, 3]))
    assert ranked is not None
    assert ranked.over_split() == pytest.approx(0.5)  # one right, one wrong, one tie; the last is alone
    assert len(ranked.total) == 3
    assert pairs_ranked(nll[:1], possible[:1], np.array([0])) is None
