"""Chosen clips: repeatable, without repeats, and the best and worst really are."""

import pytest

from futurepred_jax.reporting.choices import choose_clips, describe_choices


def clips(foreground_psnr: list[float | None], ade: list[float | None]) -> dict:
    scores = {"model": {"foreground_psnr": foreground_psnr, "ade": ade}, "copy_last": {"ade": ade}}
    return {"test_iid": {"index": [10 * place for place in range(len(ade))], "scores": scores}}


GRADED = clips([float(place) for place in range(40)], [50.0 - place for place in range(40)])


def chosen(why: str, evaluation: dict, **kwargs) -> list[int]:
    return [choice.index for choice in choose_clips(evaluation, **kwargs) if choice.why == why]


def test_best_and_worst_by_foreground_and_position():
    assert chosen("best", GRADED, count=12, seed=0) == [390, 380, 370]
    assert chosen("worst", GRADED, count=12, seed=0) == [0, 10, 20]


def test_position_counts_as_much_as_the_foreground():
    evaluation = clips([1.0, 2.0, 3.0, 4.0], [1.0, 9.0, 2.0, 8.0])  # the third is good at both, the second at neither
    assert chosen("best", evaluation, count=4, seed=0) == [20]
    assert chosen("worst", evaluation, count=4, seed=0) == [10]


def test_missing_truth_is_left_out_of_the_rank_and_a_clip_without_any_is_never_best_or_worst():
    evaluation = clips([None, 30.0, 10.0, 20.0, 15.0], [None, None, 3.0, 4.0, None])
    assert chosen("best", evaluation, count=5, seed=0) == [10]
    for choice in choose_clips(evaluation, 5, 0):
        assert choice.index != 0 or choice.why == "random"


def test_where_no_clip_has_truth_pixels_decide():
    recorded = clips([None] * 8, [None] * 8)
    recorded["test_iid"]["scores"]["model"]["psnr"] = [20.0, 24.0, 21.0, 28.0, 22.0, 25.0, 26.0, 23.0]
    assert chosen("best", recorded, count=8, seed=0) == [30, 60]
    assert chosen("worst", recorded, count=8, seed=0) == [0, 20]


def test_a_dozen_without_repeats_the_same_for_the_same_seed():
    first, again, other = (choose_clips(GRADED, 12, seed) for seed in (7, 7, 8))
    assert first == again
    assert first != other
    assert [choice.why for choice in first] == ["random"] * 6 + ["best"] * 3 + ["worst"] * 3
    assert len({choice.index for choice in first}) == 12


def test_another_model_of_the_same_clips_shows_mostly_the_same_random_ones():
    other = clips([float(-place) for place in range(40)], [50.0] * 40)
    ours, theirs = (set(chosen("random", evaluation, count=12, seed=0)) for evaluation in (GRADED, other))
    assert len(ours & theirs) >= 4


def test_random_clips_are_of_every_split_in_turn():
    evaluation: dict[str, dict] = dict.fromkeys(("test_a", "test_b", "test_c"), GRADED["test_iid"])
    random = [choice.split for choice in choose_clips(evaluation, 12, 0) if choice.why == "random"]
    assert sorted(random) == ["test_a", "test_a", "test_b", "test_b", "test_c", "test_c"]


def test_scores_of_the_clip_travel_with_it():
    best = next(choice for choice in choose_clips(GRADED, 12, 0) if choice.why == "best")
    assert best.scores == {"model": {"foreground_psnr": 39.0, "ade": 11.0}, "copy_last": {"ade": 11.0}}


def test_without_an_evaluation_all_are_random_and_that_is_said():
    choices = choose_clips(None, 12, 3, available={"test_iid": 30})
    assert {choice.why for choice in choices} == {"random"}
    assert len({choice.index for choice in choices}) == 12
    assert "12 random clips" in describe_choices(choices)
    assert "--mode=evaluate" in describe_choices(choices)
    assert describe_choices(choose_clips(GRADED, 12, 0)) == "12 clips: 6 random, 3 best, 3 worst"


def test_fewer_clips_than_asked_for():
    assert sorted(choice.index for choice in choose_clips(clips([1.0, 2.0], [2.0, 1.0]), 12, 0)) == [0, 10]


def test_nothing_to_choose_from_is_an_error():
    with pytest.raises(ValueError, match="no clips to choose from"):
        choose_clips(None, 12, 0)


def test_a_few_scored_clips_are_all_random_and_none_is_refused():
    assert describe_choices(choose_clips(GRADED, 1, 0)) == "1 clips: 1 random"
    with pytest.raises(ValueError, match="clips 0: must be at least 1"):
        choose_clips(GRADED, 0, 0)
