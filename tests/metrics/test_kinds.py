"""A split taken apart by motion and clutter."""

import re

import numpy as np

from futurepred_jax.data.trajectories import FAMILIES
from futurepred_jax.metrics.kinds import ARCS, STEADY, clutter_level, kind_tables


def clips() -> dict:
    targets = {
        "model": {"position_error": [1.0, 2.0, None], "recall": [1.0, 0.5, 0.0]},
        "copy_last": {"position_error": [3.0, 3.0, 3.0], "recall": [1, 1, 1]},
        "constant_velocity": {"position_error": [2.0, 1.0, 1.0], "recall": [1, 1, 1]},
    }
    return {
        "scores": {name: {"psnr": [20.0, 18.0], "ade": [1.5, None]} for name in targets},
        "objects": {"clip": [0, 0, 1], "family": ["loop", "u_turn", "u_turn"], "scores": targets},
        "about": {"clutter": [0, 3]},
    }


def cells(text: str) -> dict[str, list[str]]:
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line]
    return {row[0]: row[1:] for row in rows}


def test_skill_is_over_the_targets_that_both_show():
    found = cells(kind_tables(clips()))
    assert found["loop"] == ["1", "1.000", "1.00", "3.00", "2.00", "50 %"]  # a single clip has no interval
    assert found["u turn"] == ["2", "0.250", "2.00", "3.00", "1.00", "-100 %"]
    for together in ("arcs", "turn or bounce"):
        assert found[together][:2] == ["3", "0.500"]
        assert found[together][-1].startswith("0 %")


def test_the_skill_has_an_interval_and_the_motions_that_bend_are_taken_together():
    random = np.random.default_rng(0)
    ours, theirs = random.uniform(0.5, 1.5, 200), random.uniform(1.5, 2.5, 200)
    known = clips()
    known["objects"] = {
        "clip": list(np.arange(200) // 2),
        "family": ["loop", "static", "right_turn", "sinusoid"] * 50,
        "scores": {
            "model": {"position_error": list(ours), "recall": [1.0] * 200},
            "tokenizer_reconstruction": {"position_error": [0.25] * 200},
            "copy_last": {"position_error": [3.0] * 200},
            "constant_velocity": {"position_error": list(theirs)},
        },
    }
    found = cells(kind_tables(known))
    assert found["motion"][3] == "tokenizer reconstruction px"
    assert found["loop"][3] == "0.25"
    skill, low, high = (float(part.strip("[],% ")) for part in re.findall(r"[-\d.]+ %", found["loop"][-1]))
    assert low < skill < high
    assert abs(skill - 100 * (1 - ours[::4].sum() / theirs[::4].sum())) <= 0.5
    assert [found[kind][0] for kind in ("loop", "arcs", "turn or bounce")] == ["50", "100", "150"]
    assert {*STEADY, *ARCS} < set(FAMILIES)


def test_motions_of_which_none_bends_have_no_row_together():
    known = clips()
    known["objects"]["family"] = ["static", "drag", "straight"]
    assert not {"arcs", "turn or bounce"} & set(cells(kind_tables(known)))


def test_clips_are_told_apart_by_their_clutter():
    found = cells(kind_tables(clips()))
    assert found["none"] == ["1", *["20.00"] * 3, *["1.50"] * 3]
    assert found["1–4"] == ["1", *["18.00"] * 3, *["-"] * 3]
    assert [clutter_level(count) for count in (0, 4, 5, 40)] == ["none", "1–4", "5–8", "9 or more"]


def test_of_recorded_videos_there_is_nothing_to_tell():
    assert kind_tables({"scores": {"model": {"psnr": [20.0]}}}) == ""
