"""Workdirs side by side: what is said of them, and when they are not comparable."""

import json
import re
from pathlib import Path

import pytest
from workdirs import write_workdir

from futurepred_jax.compare import closing_words, read_models, write_comparison
from futurepred_jax.configs.baseline import get_config
from futurepred_jax.modes import MODES
from futurepred_jax.reporting.verdict import Verdict, judge


def edit(workdir: Path, change) -> None:
    path = workdir / "evaluation.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


@pytest.fixture
def pair(tmp_path) -> list[Path]:
    return [write_workdir(tmp_path / name, quality, preset=name) for name, quality in (("good", 1.0), ("poor", 0.6))]


def test_the_better_model_is_told_with_its_intervals(pair, tmp_path):
    models, splits = read_models(pair)
    text = closing_words(models, splits)
    assert re.search(r"poor against good: worse on PSNR \(−4\.2\d dB \[−4\.\d\d, −4\.\d\d\]\), SSIM", text)
    assert "better on" not in text
    page = write_comparison(models, splits, tmp_path / "out").read_text()
    assert "poor is worse than good on PSNR" in page
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["index.html"]


def test_the_mode_writes_where_it_is_told_and_prints_where_one_model_helps(pair, tmp_path, capsys):
    config = get_config("debug")
    config.compare.workdirs = f"{pair[0]}, {pair[1]}"
    MODES["compare"].run(config, tmp_path / "comparison")
    printed = capsys.readouterr().out
    assert "poor against good: worse on PSNR" in printed
    assert f"wrote {tmp_path / 'comparison/index.html'}" in printed
    page = (tmp_path / "comparison/index.html").read_text()
    table = page[page.index('<table class="models') :].split("</table>")[0]
    for cost in ("2,190,848", "6 min 43 s", "2.90 GB", "3,411"):
        assert table.count(f"<td>{cost}</td>") == 2
    assert "poor&#39;s position error against good&#39;s is larger for loop, straight and u turn" in page


def test_a_model_does_not_differ_from_itself(tmp_path):
    same = [write_workdir(tmp_path / name, preset=name) for name in ("a", "b")]
    text = closing_words(*read_models(same))
    assert "no difference is shown on PSNR" in text
    assert "better on" not in text
    assert "worse on" not in text


def test_seeds_of_one_config_are_one_model_with_a_spread(tmp_path):
    seeds = [write_workdir(tmp_path / f"seed{seed}", quality, seed=seed) for seed, quality in ((0, 0.8), (1, 1.0))]
    other = write_workdir(tmp_path / "other", 0.6, preset="debug")
    models, splits = read_models([*seeds, other])
    assert [(model.label, len(model.runs)) for model in models] == [("baseline-tiny", 2), ("other", 1)]
    page = write_comparison(models, splits, tmp_path / "out").read_text()
    assert f"{15 + 10.6 * 0.9:.2f}" in page  # the mean of both
    assert "± 1.50" in page  # 10.6 * 0.2 / sqrt(2)
    assert "seed0, seed1" in page


def test_a_difference_counts_only_if_the_seeds_agree(tmp_path):
    seeds = [write_workdir(tmp_path / f"seed{seed}", quality, seed=seed) for seed, quality in ((0, 0.5), (1, 1.0))]
    between = write_workdir(tmp_path / "between", 0.7, preset="debug")  # worse than their mean, better than one
    text = closing_words(*read_models([*seeds, between]))
    assert "no difference is shown on PSNR" in text
    assert "worse on" not in text


def lead_in_psnr(verdict: Verdict, floor: str) -> float:
    return next(float(c.lead) for c in verdict.comparisons if (c.floor, c.metric.name) == (floor, "psnr"))


def test_what_is_said_of_seeds_does_not_depend_on_their_order(tmp_path):
    seeds = [write_workdir(tmp_path / f"seed{seed}", quality, seed=seed) for seed, quality in ((0, 0.5), (1, 1.0))]
    other = write_workdir(tmp_path / "other", 0.6, preset="debug")
    verdicts = [judge(read_models([*order, other])[0][0].split("test_iid")) for order in (seeds, seeds[::-1])]
    assert verdicts[0] == verdicts[1]
    alone = [judge(read_models([seed, other])[0][0].split("test_iid")) for seed in seeds]
    both, first, second = (lead_in_psnr(verdict, "constant_velocity") for verdict in (verdicts[0], *alone))
    assert both == pytest.approx((first + second) / 2)


def test_workdirs_whose_last_folders_are_called_the_same_are_told_apart(tmp_path):
    paths = [tmp_path / name / "small" / "baseline" for name in ("jan", "feb")]
    models, _ = read_models([write_workdir(path, quality) for path, quality in zip(paths, (1.0, 0.5), strict=True)])
    assert [model.label for model in models] == ["jan/small/baseline", "feb/small/baseline"]


def test_classifiers_are_refused(pair):
    for path in pair:
        config = json.loads((path / "config.json").read_text()) | {"kind": "classifier"}
        (path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match="good is a classifier, which generates no frames: compare predictors"):
        read_models(pair)


def test_a_predictor_is_not_compared_with_a_tokenizer(pair):
    edit(pair[1], lambda content: content["splits"]["test_iid"]["scores"].pop("model"))
    with pytest.raises(ValueError, match="of good and poor one predicts and one is a tokenizer"):
        read_models(pair)


def test_one_seed_twice_is_two_models(tmp_path):
    models, _ = read_models([write_workdir(tmp_path / name) for name in ("a", "b")])
    assert [model.label for model in models] == ["a", "b"]


def test_other_clips_or_another_protocol_are_refused_with_the_difference(pair):
    edit(pair[1], lambda content: content["splits"]["test_iid"].update(sha256="0" * 64))
    with pytest.raises(ValueError, match=r"good and poor were scored on different clips of test_iid \(sha256: 9f2c"):
        read_models(pair)
    edit(pair[1], lambda content: content["protocol"].update(version="0"))
    with pytest.raises(ValueError, match=r"different protocols \(version: 1 and 0\): run --mode=evaluate"):
        read_models(pair)


def test_splits_that_not_all_were_scored_on_are_left_out_and_named(tmp_path):
    ours = write_workdir(tmp_path / "a", splits=("test_iid", "test_speed"))
    theirs = write_workdir(tmp_path / "b", preset="debug")
    models, splits = read_models([ours, theirs])
    assert splits == ["test_iid"]
    assert (
        "Not scored for all, and left out: test_speed" in write_comparison(models, splits, tmp_path / "out").read_text()
    )
    edit(theirs, lambda content: content["splits"].update(test_comp=content["splits"].pop("test_iid")))
    with pytest.raises(ValueError, match=r"no split was scored for all \(a: .*b: test_comp"):
        read_models([ours, theirs])


def test_what_a_model_loses_with_its_pathway_blinded_is_told(pair):
    def blind(content):
        split = content["splits"]["test_iid"]
        split["scores"]["shuffled_pathway"] = split["scores"]["model"]
        split["gates"] = {"cross_0": 0.125}

    edit(pair[1], blind)
    path = pair[1] / "evaluation_clips.json"
    clips = json.loads(path.read_text())
    clips["test_iid"]["scores"]["shuffled_pathway"] = {
        "psnr": [value - 1 for value in clips["test_iid"]["scores"]["model"]["psnr"]]
    }
    path.write_text(json.dumps(clips))
    models, splits = read_models(pair)
    assert "poor against itself, shuffled pathway: better on PSNR (+1.00 dB [+1.00, +1.00])." in closing_words(
        models, splits
    )


@pytest.mark.parametrize("names", [["good"], ["good", "good"], []])
def test_fewer_than_two_workdirs_are_refused(tmp_path, names):
    with pytest.raises(ValueError, match="name two or more"):
        read_models([tmp_path / name for name in names])


def test_an_unfinished_workdir_names_the_mode_to_run(pair):
    (pair[1] / "evaluation.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"poor/evaluation.json is missing: run --mode=evaluate"):
        read_models(pair)
