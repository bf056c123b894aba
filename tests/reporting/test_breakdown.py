"""A split taken apart: means and intervals by motion and by clutter, over whole clips."""

import numpy as np
import pytest
from workdirs import model_of

from futurepred_jax.reporting.breakdown import breakdowns, clutter_level, family_sentence
from futurepred_jax.reporting.models import scored_predictors


def clips(errors: list[float | None], recall: list[float]) -> dict:
    """Four targets in two clips."""
    objects = {
        "clip": [0, 0, 1, 1],
        "family": ["loop", "static", "loop", "static"],
        "scores": {"model": {"position_error": errors, "recall": [1.0] * 4, "mask_iou": [0.5] * 4}},
    }
    about = {"families": [["loop", "static"]] * 2, "targets": [2, 2], "clutter": [0, 7]}
    return {"index": [0, 1], "scores": {"model": {"recall": recall}}, "about": about, "objects": objects}


def charts(known: dict) -> dict:
    return breakdowns(
        scored_predictors([model_of({"scores": {"model": {"recall": 0.5}}}, clips=known)], "test_iid"), known
    )


@pytest.mark.parametrize(("count", "level"), [(0, "none"), (1, "1–4"), (4, "1–4"), (5, "5–8"), (30, "9 or more")])
def test_levels_of_clutter(count, level):
    assert clutter_level(count) == level


def test_means_are_of_the_targets_of_a_family_and_of_the_clips_of_a_level():
    found = charts(clips([1.0, 5.0, 3.0, None], [0.9, 0.3]))
    error = found["family"][0]
    assert error.rows == ["loop (2 targets)", "static (2 targets)"]
    (model,) = error.series
    assert [value.mean for value in model.values if value] == [2.0, 5.0]
    assert model.values[0]
    assert (model.values[0].low, model.values[0].high) == (1.0, 3.0)  # resampled clips have one, or both
    (recall,) = found["clutter"]
    assert recall.rows == ["none (1 clips)", "5–8 (1 clips)"]
    assert [value.mean for value in recall.series[0].values if value] == pytest.approx([0.9, 0.3])


def test_a_dot_is_drawn_where_its_value_is_and_tells_it():
    svg = str(charts(clips([1.0, 5.0, 3.0, 5.0], [0.9, 0.3]))["family"][0].svg)
    assert "<title>Model 2.00 px [1.00, 3.00]</title>" in svg
    places = [float(part.split('"')[0]) for part in svg.split('circle class="dot" cx="')[1:]]
    assert len(places) == 2
    assert places[0] < places[1]


def test_a_dot_of_a_single_clip_has_no_whisker():
    svg = str(charts(clips([1.0, 5.0, None, 5.0], [0.9, 0.3]))["family"][0].svg)
    assert "<title>Model 1.00 px</title><circle" in svg
    assert "<title>Model 5.00 px [5.00, 5.00]</title><line" in svg
    assert "nan" not in svg


def test_the_motions_on_which_a_model_is_nearer_are_named():
    rng = np.random.default_rng(0)
    errors = rng.uniform(1, 2, 40)
    objects = {"clip": [*range(20), *range(20)], "family": ["loop"] * 20 + ["u_turn"] * 20}

    def part(values: np.ndarray) -> dict:
        return {"index": [*range(20)], "objects": {**objects, "scores": {"model": {"position_error": values.tolist()}}}}

    nearer = errors - np.r_[np.full(20, 0.5), np.zeros(20)]
    sentence = family_sentence("b", "a", part(nearer), part(errors))
    assert sentence == "By motion, b's position error against a's is smaller for loop; no other difference is shown."
    assert "is larger for loop" in family_sentence("a", "b", part(errors), part(nearer))
    assert family_sentence("a", "b", part(errors), part(errors)).startswith("For no motion")
    assert family_sentence("a", "b", None, part(errors)) == ""
