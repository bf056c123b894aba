"""Tables as text: what is said of every split, and of a probe's pairs."""

from futurepred_jax.metrics.table import overview_table, score_table


def split(psnr: float, **model: float) -> dict:
    lead = {"mean": psnr - 18, "low": psnr - 18.5, "high": psnr - 17.5}
    return {
        "sha256": "5a" * 32,
        "clips": 8,
        "context_frames": 9,
        "future_frames": 8,
        "sampling": "greedy",
        "tracker": {"ade": 0.2, "recall": 1.0},
        "scores": {"model": {"psnr": psnr, "ade": None} | model, "copy_last": {"psnr": 18.0, "ade": None}},
        "margins": {"copy_last": {"psnr": lead, "skill": 0.25}},
    }


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_every_split_has_a_line_with_its_lead_over_the_floors():
    splits = {"test_iid": split(19.0), "test_speed": split(17.0, ade=2.5)}
    header, _, first, second = overview_table(splits).splitlines()
    assert cells(header)[:2] == ["all splits", "PSNR dB"]
    lead = cells(header).index("PSNR over copy last")
    assert cells(first)[lead : lead + 2] == ["+1.00 [+0.50, +1.50]", "25 %"]
    assert cells(second)[lead] == "-1.00 [-1.50, -0.50]"
    place = cells(header).index("ADE px")
    assert (cells(first)[place], cells(second)[place]) == ("-", "2.50")
    assert not any("velocity" in label or label == "SSIM" for label in cells(header))  # nobody has these


def test_of_one_split_there_is_no_overview():
    assert overview_table({"test_iid": split(19.0)}) == ""


def test_of_a_recorded_video_nothing_is_said_of_what_is_not_known():
    recorded = {**split(19.0), "data": "files:walks", "tracker": {"ade": None, "recall": None}}
    recorded["margins"]["copy_last"]["skill"] = None
    text = score_table("test_iid", recorded)
    assert text.startswith("test_iid of files:walks: 8 clips")
    assert "| model " in text
    assert not any(word in text for word in ("ADE", "skill", "Tracker"))


def test_a_probe_tells_how_many_pairs_are_ranked_right_and_how_sure_that_is():
    probe = {**split(19.0, pairs_ranked=0.75), "intervals": {"model": {"pairs_ranked": [0.6, 0.9]}}}
    assert "likelier in 75 % of the pairs [60 %, 90 %]; chance is 50 %." in score_table("probe_permanence", probe)
    assert "pairs" not in score_table("test_iid", split(19.0))


def test_what_is_known_of_a_single_clip_has_no_interval():
    alone = {**split(19.0, pairs_ranked=1.0), "intervals": {"model": {"pairs_ranked": [None, None]}}}
    alone["margins"]["copy_last"]["psnr"] = {"mean": 1.0, "low": None, "high": None}
    text = score_table("probe_permanence", alone)
    assert "likelier in 100 % of the pairs; chance is 50 %." in text
    assert "[" not in text


def test_clips_that_are_not_all_they_were_to_be_are_counted():
    assert "3 of 8 clips are flagged" in score_table("test_long", {**split(19.0), "flagged": 3})
    assert "flagged" not in score_table("test_iid", {**split(19.0), "flagged": 0})
