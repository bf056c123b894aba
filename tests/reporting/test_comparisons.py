"""What counts as beating a floor."""

import pytest

from futurepred_jax.reporting.comparisons import Comparison, best_floor, clips_won, compare
from futurepred_jax.reporting.vocabulary import METRICS


def against(metric: str, value: float, floor: float, **ends: float) -> Comparison:
    return Comparison("copy_last", METRICS[metric], value, floor, **ends)


@pytest.mark.parametrize(
    ("metric", "value", "floor", "beats"),
    [
        ("psnr", 23.0, 22.6, True),
        ("psnr", 22.0, 22.6, False),
        ("psnr", 22.604, 22.6, False),  # a tie by the digits printed
        ("ade", 1.9, 2.4, True),
        ("ade", 2.9, 2.4, False),
        ("ade", 2.4, 2.4, False),
    ],
)
def test_direction_and_digits_decide(metric, value, floor, beats):
    assert against(metric, value, floor).beats is beats


@pytest.mark.parametrize(("low", "high", "beats"), [(-0.8, -0.2, True), (-0.8, 0.1, False), (0.2, 0.8, False)])
def test_the_interval_must_lie_on_the_better_side(low, high, beats):
    assert against("ade", 1.9, 2.4, low=low, high=high).beats is beats


def test_a_difference_on_a_single_clip_is_not_certain():
    assert not against("ade", 1.9, 2.4, mean=-0.5).beats


def test_differences_and_intervals_are_the_subject_minus_the_floor():
    comparison = against("ade", 1.9, 2.4, low=-0.8, high=-0.2)
    assert (comparison.gain, comparison.difference, comparison.interval) == (0.5, "−0.50 px", "[−0.80, −0.20]")
    assert against("ade", 1.9, 2.4).interval == ""


def test_a_difference_clip_by_clip_lies_in_its_interval_also_where_pooled_scores_differ_by_more():
    comparison = against("ade", 1.9, 2.4, mean=-0.3, low=-0.4, high=-0.2)
    assert (comparison.gain, comparison.difference, comparison.interval) == (0.3, "−0.30 px", "[−0.40, −0.20]")
    assert comparison.beats


def test_comparisons_take_floors_only_and_values_that_both_have():
    scores = {
        "model": {"psnr": 24.0, "ssim": 1, "ade": None},
        "tokenizer_reconstruction": {"psnr": 28.0},
        "copy_last": {"psnr": 22.0, "ssim": 0.5, "ade": 2.0},
        "invented": {"psnr": 1.0},
    }
    margins = {"copy_last": {"psnr": {"mean": 2.0, "low": 1.5, "high": 2.5}}}
    found = compare({"scores": scores, "margins": margins})
    assert [(c.floor, c.metric.name, c.mean, c.low, c.high) for c in found] == [
        ("copy_last", "psnr", 2.0, 1.5, 2.5),
        ("copy_last", "ssim", None, None, None),
    ]


def test_best_floor_by_direction():
    scores = {
        "copy_last": {"psnr": 22.0, "ade": 2.0, "odd": 1.0},
        "mean_frame": {"psnr": 20.0, "ade": None, "odd": 2.0},
    }
    assert best_floor(scores, "psnr") == "copy_last"
    assert best_floor({**scores, "mean_frame": {"ade": 1.0}}, "ade") == "mean_frame"
    assert best_floor(scores, "odd") is None  # nobody knows which way is better
    assert best_floor(scores, "ssim") is None


def test_clips_won_counts_pairs_by_direction():
    clips = {"scores": {"model": {"ade": [1.0, 3.0, None, 2.0]}, "copy_last": {"ade": [2.0, 2.0, 1.0, 2.0]}}}
    assert clips_won(clips, "model", against("ade", 2.0, 1.75)) == (1, 3)
    assert clips_won({"scores": {}}, "model", against("ade", 2.0, 1.75)) is None
