"""Reductions from frames to clips and splits, on records made by hand, and intervals by resampling."""

import jax.numpy as jnp
import numpy as np
import pytest
from numpy.typing import ArrayLike

from futurepred_jax.metrics import clutter, image, motion, objects, permanence, scores
from futurepred_jax.metrics.bootstrap import interval, paired_interval
from futurepred_jax.metrics.plain import jsonable
from futurepred_jax.metrics.ratios import Ratio, mean, quotient, ratio

HIDDEN = jnp.zeros((2, 2, 2), bool).at[0, 0].set(True)
EVENTS = permanence.Events(hidden=HIDDEN, returned=jnp.roll(HIDDEN, 1, axis=1))


def record(error: ArrayLike, detected: ArrayLike = True, scored: ArrayLike = True, mse: ArrayLike = 0.01):
    """Two clips of two frames with two objects; an error of the foreground in the first clip's first frame only."""
    errors = jnp.broadcast_to(jnp.asarray(error, jnp.float32), (2, 2, 2))
    frames = jnp.broadcast_to(jnp.asarray(mse, jnp.float32), (2, 2))
    count = jnp.array([[100.0, 0.0], [0.0, 0.0]])
    return scores.Record(
        image=image.ImageScores(mse=frames, mae=jnp.sqrt(frames), ssim=1 - frames, size=jnp.full((2, 2), 3072.0)),
        foreground=image.Masked(total=count * 0.1, count=count),
        predictable=image.Masked(total=count * 0.01, count=count),
        foreseeable=image.Masked(total=100 * frames, count=jnp.full((2, 2), 100.0)),
        foreseeable_ssim=image.Masked(total=count * 0.9, count=count),
        motion=motion.MotionScores(
            error=errors,
            travelled=2 * errors,
            detected=jnp.broadcast_to(jnp.asarray(detected), (2, 2, 2)),
            scored=jnp.broadcast_to(jnp.asarray(scored), (2, 2, 2)),
        ),
        objects=objects.ObjectScores(
            iou=jnp.full((2, 2, 2), 0.5),
            count_error=jnp.array([[1.0, 2.0], [9.0, 9.0]]),
            false_detections=jnp.zeros((2, 2)),
            known=jnp.array([[True, True], [False, False]]),
        ),
        permanence=permanence.Permanence(
            found=jnp.full((2, 2, 2), True), error=errors, found_while_hidden=jnp.full((2, 2, 2), True), events=EVENTS
        ),
        clutter=clutter.ClutterScores(*[clutter.Tallied(jnp.full((2, 2), 1.0), jnp.full((2, 2), 4.0))] * 3),
    )


def over_split(found: scores.Record) -> dict[str, float]:
    return {name: each.over_split() for name, each in scores.ratios(found).items()}


def by_clip(found: scores.Record) -> dict[str, np.ndarray]:
    return {name: each.by_clip() for name, each in scores.ratios(found).items()}


def test_a_clip_s_psnr_is_that_of_its_mean_error_and_the_split_s_the_mean_over_clips():
    found = record(1.0, mse=[[0.1, 0.001], [0.01, 0.01]])
    expected = -10 * np.log10([0.0505, 0.01])
    np.testing.assert_allclose(by_clip(found)["psnr"], expected, rtol=1e-5)
    np.testing.assert_allclose(over_split(found)["psnr"], expected.mean(), rtol=1e-5)
    np.testing.assert_allclose(scores.curves(found)["psnr"].by_frame(), [15, 25], rtol=1e-5)


def test_clips_without_foreground_have_no_foreground_psnr():
    clips = by_clip(record(1.0))
    np.testing.assert_allclose(clips["foreground_psnr"], [10, np.nan], rtol=1e-5)
    np.testing.assert_allclose(over_split(record(1.0))["foreground_psnr_predictable"], 20, rtol=1e-5)


def test_scores_of_what_can_be_foreseen_are_means_over_what_the_mask_holds():
    found = record(1.0, mse=[[0.1, 0.001], [0.01, 0.01]])
    np.testing.assert_allclose(by_clip(found)["psnr_predictable"], by_clip(found)["psnr"], rtol=1e-5)
    np.testing.assert_allclose(by_clip(found)["ssim_predictable"], [0.9, np.nan], rtol=1e-5)


def test_ade_is_the_mean_over_frames_of_the_mean_over_found_objects():
    scored = np.array([[[True, True], [True, False]], [[True, True], [False, False]]])
    detected = np.array([[[True, True], [True, True]], [[False, True], [True, True]]])
    error = np.array([[[1, 2], [8, 100]], [[100, 3], [100, 100]]])
    found = over_split(record(error, detected, scored))
    assert found["ade"] == pytest.approx((2 + 8) / 2)
    assert found["fde"] == pytest.approx(8)
    assert found["recall"] == pytest.approx(4 / 5)
    assert found["ade_travelled"] == pytest.approx(0.5)
    np.testing.assert_allclose(by_clip(record(error, detected, scored))["fde"], [8, np.nan])
    np.testing.assert_allclose(scores.curves(record(error, detected, scored))["recall"].by_frame(), [3 / 4, 1])


def test_nothing_found_is_nan_then_null():
    lost = over_split(record(1.0, detected=False))
    assert np.isnan(lost["ade"])
    assert lost["recall"] == 0
    assert jsonable(lost)["ade"] is None


def test_skill_compares_only_what_both_have_found():
    floor = record(4.0)
    assert scores.skill(record(1.0), floor) == pytest.approx(0.75)
    assert scores.skill(floor, floor) == 0
    half = np.array([True, False])
    picky = record(np.array([1.0, 9.0]), detected=half)
    assert scores.skill(picky, record(np.array([4.0, 100.0]))) == pytest.approx(0.75)
    assert np.isnan(scores.skill(picky, record(1.0, detected=~half)))


def test_a_paired_interval_holds_the_mean_and_narrows_with_clips():
    draws = np.random.default_rng(0).normal(0.5, 1.0, 4000)
    wide, narrow = (paired_interval(draws[:n], np.zeros(n)) for n in (40, 4000))
    assert wide.low < wide.mean < wide.high
    assert narrow.low < 0.5 < narrow.high
    assert narrow.high - narrow.low == pytest.approx(2 * 1.96 / np.sqrt(4000), rel=0.1)
    assert narrow.high - narrow.low < (wide.high - wide.low) / 5
    assert paired_interval(draws, np.zeros(4000)) == narrow


def test_clips_without_a_score_are_left_out_of_the_interval():
    pair = paired_interval(np.array([1.0, np.nan, 1.0, 1.0]), np.array([0.0, 0.0, np.nan, 0.0]))
    assert pair.mean == pair.low == pair.high == 1
    assert np.isnan(paired_interval(np.array([np.nan]), np.zeros(1))).all()


def test_a_single_clip_has_a_score_and_no_interval():
    pair = paired_interval(np.array([1.0, np.nan]), np.array([0.0, 0.0]))
    assert pair.mean == 1
    assert np.isnan(pair[1:]).all()


def test_an_interval_is_that_of_the_pooled_score():
    """Two kinds of clips, of one object or of nine: pooled, the second weighs nine times as much."""
    total = np.concatenate([np.full((200, 1), 1.0), np.full((200, 1), 0.0)])
    count = np.concatenate([np.full((200, 1), 1.0), np.full((200, 1), 9.0)])
    found = interval(Ratio(total, count))
    assert found.mean == pytest.approx(0.1)
    assert found.low < 0.1 < found.high
    assert found.high - found.low < 0.04
    assert np.isnan(interval(Ratio(total, 0 * count))).all()


def test_ratios_pool_clips_and_average_groups():
    values = ratio([[1.0, 4.0], [3.0, np.nan]], keep=2)
    np.testing.assert_allclose(values.by_clip(), [2.5, 3.0])
    np.testing.assert_allclose(values.by_frame(), [2.0, 4.0])
    assert values.over_split() == pytest.approx(3.0)
    assert quotient([[1.0, 2.0]], [[4.0, 2.0]]).over_split() == pytest.approx(0.5)
    padded = values.padded(3)
    assert padded.over_split() == values.over_split()
    assert np.isnan(padded.by_clip()[2])
    assert np.isnan(mean(np.full(3, np.nan)))


def test_objects_hidden_and_back_are_counted_where_they_are():
    found = over_split(record(np.array([[[1.0, 3.0], [5.0, 7.0]]] * 2)))
    assert found["permanence"] == found["hallucination"] == 1
    assert found["permanence_error"] == pytest.approx(6.0)
    assert found["count_error"] == pytest.approx(1.5)  # the other clip's objects are not known
    assert found["clutter_recall"] == found["transients_left"] == pytest.approx(0.25)
    assert found["transients_cut"] == pytest.approx(0.75)
    assert found["mse_frame"] == pytest.approx(0.01 * 3072)
    assert found["mae_frame"] == pytest.approx(0.1 * 3072)
