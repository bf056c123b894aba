"""The summary's words follow the numbers, to the digits printed."""

import pytest

from futurepred_jax.reporting.verdict import judge

FLOOR = {"psnr": 22.6, "ssim": 0.71, "foreground_psnr": 17.3, "ade": 2.4}


def split(model: dict, **floors: dict) -> dict:
    return {"scores": {"model": model, **(floors or {"copy_last": FLOOR})}}


def test_a_model_that_wins_everywhere():
    verdict = judge(split({"psnr": 24.1, "ssim": 0.75, "foreground_psnr": 19.0, "ade": 1.9}))
    assert verdict.headline == "The model beats copy-last-frame on PSNR, SSIM, foreground PSNR and ADE."
    assert "It beats copy-last-frame on PSNR by 1.50 dB, SSIM by 0.040" in verdict.details[0]
    assert "ADE by 0.50 px" in verdict.details[0]
    assert not any("does not beat" in sentence for sentence in verdict.details)


def test_of_a_probe_it_is_told_how_often_the_possible_clip_is_likelier():
    probe = split({**FLOOR, "pairs_ranked": 0.625})
    probe["intervals"] = {"model": {"pairs_ranked": [0.5, 0.75]}}
    told = "likelier than the impossible one in 62 % of them (95 % interval 50 % to 75 %); chance is 50 %."
    assert any(told in sentence for sentence in judge(probe).details)
    assert not any("pairs" in sentence for sentence in judge(split(FLOOR)).details)


def test_a_model_that_loses_everywhere():
    verdict = judge(split({"psnr": 21.3, "ssim": 0.70, "foreground_psnr": 16.5, "ade": 2.9}))
    assert verdict.headline == "The model does not beat copy-last-frame on PSNR, SSIM, foreground PSNR and ADE."
    assert "does not beat copy-last-frame on PSNR (21.30 against 22.60 dB)" in verdict.details[0]


def test_a_lower_position_error_is_better_and_a_mixed_result_is_told_as_one():
    verdict = judge(split({**FLOOR, "psnr": 23.0, "ssim": 0.8, "foreground_psnr": 18.0, "ade": 2.5}))
    assert verdict.headline == (
        "The model beats copy-last-frame on PSNR, SSIM and foreground PSNR. It does not beat copy-last-frame on ADE."
    )
    assert "but does not beat it on ADE (2.50 against 2.40 px)" in verdict.details[0]


@pytest.mark.parametrize("psnr", [22.6, 22.604])
def test_a_tie_by_the_printed_digits_does_not_beat(psnr):
    assert judge(split({"psnr": psnr})).headline == "The model does not beat copy-last-frame on PSNR."


def test_a_lead_within_the_noise_does_not_beat():
    evaluation = split({"psnr": 22.9})
    evaluation["margins"] = {"copy_last": {"psnr": {"mean": 0.3, "low": -0.1, "high": 0.7}, "skill": None}}
    verdict = judge(evaluation)
    assert verdict.headline == "The model does not beat copy-last-frame on PSNR."
    assert "PSNR (22.90 against 22.60 dB, within the noise)" in verdict.details[0]
    evaluation["margins"]["copy_last"]["psnr"]["low"] = 0.1
    assert judge(evaluation).headline == "The model beats copy-last-frame on PSNR."


def test_nothing_is_claimed_where_a_floor_has_no_value():
    verdict = judge(split({**FLOOR, "psnr": 25.0, "ade": 1.0}, black_frame={"psnr": 6.0, "ssim": 0.0, "ade": None}))
    assert verdict.headline == "The model beats black frame on PSNR and SSIM."
    assert [c.metric.name for c in verdict.comparisons] == ["psnr", "ssim"]


def test_floors_are_told_by_what_they_lose_on():
    worse = {**FLOOR, "psnr": 10.0}
    verdict = judge(split({**FLOOR, "psnr": 20.0}, copy_last=FLOOR, mean_frame=worse, context_mean=worse))
    assert verdict.headline.startswith("The model beats context mean and mean frame on PSNR. It does not beat ")
    assert "copy-last-frame on PSNR, SSIM, foreground PSNR and ADE" in verdict.headline


def test_the_ceiling_is_no_floor():
    scores = {"model": {"psnr": 24.0}, "tokenizer_reconstruction": {"psnr": 28.0}, "true_parameters": {"psnr": 40.0}}
    verdict = judge({"scores": scores})
    assert verdict.comparisons == []
    assert "its ceiling, has PSNR 28.00 dB (−4.00)" in " ".join(verdict.details)


def test_a_tokenizer_alone_claims_nothing():
    verdict = judge(
        {"scores": {"tokenizer_reconstruction": {"psnr": 28.0}}, "codebook": {"usage": 0.5, "sizes": [512, 512]}}
    )
    assert verdict.headline == "The tokenizer's reconstruction scores PSNR 28.00 dB."
    assert verdict.details[0].startswith("No floor was scored")
    assert verdict.details[-1] == "Codebook usage is 50 % of 512 + 512 codes."


def test_skill_and_tracker_are_told_where_they_are_known():
    evaluation = split({"psnr": 25.0}) | {"tracker": {"ade": 0.41, "fde": 0.4, "recall": 0.985}}
    evaluation["margins"] = {"copy_last": {"skill": -0.125}}
    details = " ".join(judge(evaluation).details)
    assert "skill on positions (1 is perfect, 0 no better) is −0.12 against copy-last-frame" in details
    assert "the tracker errs by 0.41 px and finds 0.985 of the objects" in details
