"""A split taken apart by motion and clutter."""

from futurepred_jax.metrics.kinds import clutter_level, kind_tables


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
    assert found["loop"] == ["1", "1.000", "1.00", "3.00", "2.00", "50 %"]
    assert found["u turn"] == ["2", "0.250", "2.00", "3.00", "1.00", "-100 %"]


def test_clips_are_told_apart_by_their_clutter():
    found = cells(kind_tables(clips()))
    assert found["none"] == ["1", *["20.00"] * 3, *["1.50"] * 3]
    assert found["1–4"] == ["1", *["18.00"] * 3, *["-"] * 3]
    assert [clutter_level(count) for count in (0, 4, 5, 40)] == ["none", "1–4", "5–8", "9 or more"]


def test_of_recorded_videos_there_is_nothing_to_tell():
    assert kind_tables({"scores": {"model": {"psnr": [20.0]}}}) == ""
