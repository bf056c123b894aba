"""Clutter's cost is told for splits whose twins were scored, from the same clips."""

import numpy as np
import pytest

from futurepred_jax.metrics.effects import clutter_effects
from futurepred_jax.metrics.table import EFFECTS, effect_table


def clips(psnr: list[float | None]) -> dict[str, dict[str, list[float | None]]]:
    return {"model": {name: psnr for name, _, _ in EFFECTS}}


def test_the_effect_is_the_paired_difference():
    rng = np.random.default_rng(0)
    clean = rng.normal(20, 5, 200)
    cluttered = clean - 1 + rng.normal(0, 0.1, 200)  # far smaller than the spread between clips
    found = clutter_effects({"test_a": clips(cluttered.tolist()), "test_a_clean": clips(clean.tolist())})
    effect = found["test_a"]["model"]["psnr"]
    assert effect["low"] < -1 < effect["high"]
    assert effect["high"] - effect["low"] < 0.06
    assert set(found) == {"test_a"}


def test_clips_that_only_one_split_has_are_left_out():
    found = clutter_effects({"test_a": clips([1.0, None, 3.0, 9.0]), "test_a_clean": clips([2.0, 2.0, 4.0])})
    assert found["test_a"]["model"]["ade"]["mean"] == pytest.approx(-1)


def test_a_split_without_its_twin_has_no_effect():
    assert clutter_effects({"test_a": clips([1.0]), "test_b_clean": clips([1.0])}) == {}
    assert effect_table({}) == ""


def test_of_classifiers_there_is_nothing_to_tell():
    right = {"classifier": {"family_accuracy": [1.0, 0.0]}}
    assert clutter_effects({"test_a": right, "test_a_clean": right}) == {}


def test_the_table_tells_the_subject_s_differences_with_their_signs():
    effects = clutter_effects({"test_a": clips([17.0, 18.0]), "test_a_clean": clips([18.5, 19.5])})
    row = effect_table(effects).splitlines()[2]
    assert "| test_a, model" in row
    assert "-1.50 [-1.50, -1.50]" in row
