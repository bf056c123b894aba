"""The command line, as a user meets it: a whole `debug` run, and what mistakes are answered with."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from futurepred_jax.training.lease import Lease

ENVIRONMENT = {**os.environ, "JAX_PLATFORMS": "cpu", "TF_CPP_MIN_LOG_LEVEL": "3"}


def command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the command line in a folder."""
    line = [sys.executable, "-m", "futurepred_jax.main", *arguments]
    return subprocess.run(line, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=600, check=False)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A folder in which `debug` ran from nothing to its report, and what it printed."""
    folder = tmp_path_factory.mktemp("debug")
    done = command(folder, "--config=baseline:debug")
    assert done.returncode == 0, done.stderr[-3000:]
    return folder, done.stdout


@pytest.fixture
def copied(finished, tmp_path):
    """A copy of the finished run, to break."""
    shutil.copytree(finished[0] / "runs", tmp_path / "runs")
    return tmp_path


def scores(folder: Path) -> dict:
    document = json.loads((folder / "runs/baseline-debug/evaluation.json").read_text())
    return document["splits"]["test_iid"]["scores"]


def test_a_debug_run_beats_the_mean_frame(finished):
    found = scores(finished[0])
    assert found["model"]["psnr"] > found["mean_frame"]["psnr"]
    assert found["model"]["foreground_psnr"] > found["mean_frame"]["foreground_psnr"]


def test_a_run_ends_by_saying_where_to_look(finished):
    folder, printed = finished
    workdir = folder / "runs/baseline-debug"
    assert "runs/baseline-debug/report/index.html" in printed
    assert "copy last" in printed
    for name in ("config.json", "metrics.jsonl", "summary.json", "report/index.html", "predictions/index.json"):
        assert (workdir / name).stat().st_size > 0


def test_the_frozen_tokenizer_is_not_touched_by_the_predictor(finished):
    workdir = finished[0] / "runs"
    trained = json.loads((workdir / "tokenizer-debug/summary.json").read_text())
    predictor = json.loads((workdir / "baseline-debug/summary.json").read_text())
    written = max(path.stat().st_mtime_ns for path in (workdir / "tokenizer-debug/checkpoints").rglob("*"))
    assert (
        written <= (workdir / "tokenizer-debug/evaluation.json").stat().st_mtime_ns
    )  # before the predictor's training
    assert set(trained["parameters"]) == {"encoder", "decoder", "total"}
    assert not {"encoder", "decoder"} & set(predictor["parameters"])


def test_a_finished_run_repeated_changes_nothing(copied):
    workdir = copied / "runs/baseline-debug"
    before = {
        path: path.stat().st_mtime_ns for path in workdir.rglob("*") if path.is_file() and path.name != "config.json"
    }
    again = command(copied, "--config=baseline:debug")
    assert again.returncode == 0, again.stderr[-2000:]
    assert before == {path: path.stat().st_mtime_ns for path in before}
    assert again.stdout.count("test_iid: ") == 1  # its scores are shown again


def test_a_finished_run_is_scored_and_shown_anew_by_other_rules(copied):
    report = copied / "runs/baseline-debug/report/index.html"
    before = report.stat().st_mtime_ns
    rules = ("--config.sampling.guess_weight=0.0", "--config.evaluation.samples=0")
    again = command(copied, "--config=baseline:debug", *rules)
    assert again.returncode == 0, again.stderr[-2000:]
    split = json.loads((copied / "runs/baseline-debug/evaluation.json").read_text())["splits"]["test_iid"]
    assert (split["sampling"], split["samples"]["count"]) == ("greedy", 0)
    assert report.stat().st_mtime_ns > before


def test_scores_of_other_weights_or_rules_are_not_taken_for_those_of_a_run(copied):
    workdir = copied / "runs/baseline-debug"
    part, document = workdir / "evaluation/test_iid.json", workdir / "evaluation.json"
    truth, shown = scores(copied), (workdir / "report/index.html").stat().st_mtime_ns
    stale = json.loads(part.read_text())
    stale["origin"]["weights"][0] = "of an earlier step"
    part.write_text(json.dumps(stale))
    document.write_text(document.read_text().replace(str(truth["model"]["psnr"]), "1.0"))
    assert scores(copied) != truth
    assert command(copied, "--config=baseline:debug").returncode == 0
    assert scores(copied) == truth
    assert (workdir / "report/index.html").stat().st_mtime_ns > shown
    greedy = command(copied, "--config=baseline:debug", "--mode=evaluate", "--config.sampling.guess_weight=0.0")
    assert greedy.returncode == 0, greedy.stderr[-2000:]
    assert scores(copied) != truth
    assert command(copied, "--config=baseline:debug").returncode == 0
    assert scores(copied) == truth


def test_what_was_damaged_or_deleted_after_the_training_is_made_again(copied):
    workdir, before = copied / "runs/baseline-debug", scores(copied)
    (workdir / "evaluation.json").write_text("")
    (workdir / "predictions/index.json").write_text("{")
    again = command(copied, "--config=baseline:debug")
    assert again.returncode == 0, again.stderr[-2000:]
    assert scores(copied) == before
    gif = next((workdir / "predictions").glob("*.gif"))
    gif.unlink()
    (workdir / "evaluation_clips.json").write_text("{}")
    (workdir / "summary.json").write_text("")
    again = command(copied, "--config=baseline:debug")
    assert again.returncode == 0, again.stderr[-2000:]
    assert gif.exists()
    assert "test_iid" in json.loads((workdir / "evaluation_clips.json").read_text())
    assert json.loads((workdir / "summary.json").read_text())["parameters"]


def test_a_training_that_another_holds_up_has_changed_nothing(copied):
    workdir = copied / "runs/baseline-debug"
    shutil.rmtree(workdir / "checkpoints")
    (workdir / "summary.json").unlink()
    config, evaluation = workdir / "config.json", workdir / "evaluation.json"
    before = config.read_bytes()
    with Lease(workdir):
        refused = command(copied, "--config=baseline:debug", "--mode=train", "--config.sampling.guess_weight=3.0")
    assert refused.returncode == 1
    assert "is training in" in refused.stderr
    assert config.read_bytes() == before
    assert evaluation.exists()


def test_a_mistake_in_the_predictor_is_told_before_its_tokenizer_is_trained(tmp_path):
    refused = command(tmp_path, "--config=baseline:debug", "--config.model.heads=5")
    assert refused.returncode == 1
    assert "5 heads" in refused.stderr
    assert not list(tmp_path.iterdir())


def test_another_config_in_the_same_workdir_is_refused_with_the_difference(copied):
    config = copied / "runs/baseline-debug/config.json"
    before = config.read_text()
    refused = command(copied, "--config=baseline:debug", "--mode=train", "--config.train.learning_rate=0.5")
    assert refused.returncode == 1
    assert "train.learning_rate: 0.5, there 0.05" in refused.stderr
    assert config.read_text() == before


def test_a_tokenizer_that_does_not_fit_is_refused_with_the_difference(copied):
    overrides = ("--workdir=runs/other", "--config.tokenizer.config.model.quantizer.dim=4")
    refused = command(copied, "--config=baseline:debug", *overrides)
    assert refused.returncode == 1
    assert "model.quantizer.dim: 4, there 16" in refused.stderr


def test_an_untrained_tokenizer_does_not_pass_the_gate(copied):
    untrained = ("--config.tokenizer.workdir=runs/untrained", "--config.tokenizer.config.train.steps=2")
    short = ("--config.tokenizer.config.train.warmup_steps=1", "--workdir=runs/other", "--mode=train")
    refused = command(copied, "--config=baseline:debug", *untrained, *short)
    assert refused.returncode == 1
    assert "does not pass the gate on val_iid" in refused.stderr
    assert "foreground_psnr" in refused.stderr
    assert (copied / "runs/untrained/evaluation.json").exists()
    assert not (copied / "runs/other/checkpoints").exists()


def test_a_mean_frame_would_not_pass_any_gate(finished):
    document = json.loads((finished[0] / "runs/tokenizer-debug/evaluation.json").read_text())
    mean_frame = document["splits"]["val_iid"]["scores"]["mean_frame"]
    gate = json.loads((finished[0] / "runs/baseline-debug/config.json").read_text())["gate"]
    assert gate
    assert all(mean_frame[name] < least for name, least in gate.items())


def test_damaged_checkpoints_are_an_error_and_stay(copied):
    folder = copied / "runs/baseline-debug/checkpoints"
    files = [path for path in folder.rglob("*") if path.is_file() and path.parent.name == "d"]
    for path in files:
        path.write_bytes(path.read_bytes()[:-1])
    refused = command(copied, "--config=baseline:debug", "--mode=evaluate")
    assert refused.returncode == 1
    assert "damaged" in refused.stderr
    assert all(path.exists() for path in files)


def test_what_is_only_trained_ends_there_and_says_so(copied):
    again = command(copied, "--config=outlook:debug")
    assert again.returncode == 0, again.stderr[-3000:]
    assert "Look at runs/outlook-debug" in again.stdout
    refused = command(copied, "--config=outlook:debug", "--mode=report")
    assert refused.returncode == 1
    assert "outlook has no --mode=report, but run, train; take a config of a predictor" in refused.stderr


def test_evaluating_what_was_not_trained_names_the_mode(tmp_path):
    refused = command(tmp_path, "--config=tokenizer:debug", "--mode=report")
    assert refused.returncode == 1
    assert "--mode=" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--config=baseline:huge"], ["huge", "debug, tiny, small, base"]),
        (["--config=basline"], ["basline", "baseline, both_pathways"]),
        (
            ["--config=baseline:debug", "--config.train.lerning_rate=1"],
            ["--config.train.lerning_rate: no such field", "config.train has", " learning_rate,"],
        ),
        (
            ["--config=baseline:debug", "--config.tokenizr.workdir=x"],
            ["--config.tokenizr.workdir: no such", "tokenizer"],
        ),
        (["--config=baseline:debug", "--mode=predict", "--samples=3"], ["--samples without --input", "--input='clips"]),
        (["--config=baseline:debug", "compare"], ["unexpected arguments: compare", "--help"]),
        (["--config=baseline:debug", "--mode=trian"], ["trian", "run"]),
        (["--mode=evaluate", "--pretrained=basline-tiny"], ["basline-tiny", "baseline-tiny, joint_i3d-tiny"]),
        (
            ["--mode=predict", "--pretrained=baseline-tiny", "--config=slowfast:small", "--input=a.mp4"],
            ["--config=slowfast:small", "which is a baseline:tiny", "leave --config out"],
        ),
        (["--mode=predict", "--input=a.mp4", "--splits=test_iid"], ["--splits with --input"]),
        (["--config=baseline:debug", "--mode=evaluate", "--workdir=~/nowhere"], [str(Path.home() / "nowhere")]),
        (["--pretrained=baseline-tiny"], ["--mode=run", "--mode=evaluate and predict"]),
        (["--config", "basline"], ["basline", "baseline, both_pathways"]),
        (["--config=nowhere/baseline.py"], ["no config 'nowhere/baseline.py'", "baseline, both_pathways"]),
        (["--input=clips"], ["--input with --mode=run", "it goes with --mode=predict"]),
        (["--splits=test_id"], ["unknown test_id", "known are all, train, val_iid, test_iid"]),
        (["--config.evaluation.samples=2"], ["config.evaluation.samples 2: must be at least 4, or 0 for none"]),
        (["--config.evaluation.checkpoint=last"], ["config.evaluation.checkpoint 'last'", "newest, best"]),
        (["--mode=train", "--splits=all"], ["--splits with --mode=train", "evaluate or predict or tokenize or run"]),
        (["--mode=train", "--workdir=s3://bucket/run"], ["--workdir=s3://bucket/run", "a folder, or gs://"]),
        (
            ["--mode=evaluate", "--pretrained=baseline-tiny", "--config.data.size=64", "--config.evaluation.clips=8"],
            ["--config.data.size with --pretrained", "takes --config.evaluation, --config.sampling"],
        ),
    ],
)
def test_misspelt_words_are_answered_with_the_known_ones(tmp_path, arguments, words):
    refused = command(tmp_path, *arguments)
    assert refused.returncode != 0
    said = refused.stderr + refused.stdout
    assert all(word in said for word in words), said[-1500:]
    assert "Traceback" not in said
    assert not list(tmp_path.iterdir())
