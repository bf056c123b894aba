"""Packed models: what was trained comes back with its scores, and whatever else is refused."""

import json

import jax
import numpy as np
import pytest
from untrained import untrained

from futurepred_jax import Predictor, factory, pretrained
from futurepred_jax.configs import baseline
from futurepred_jax.pretrained import export, published
from futurepred_jax.weights import read_header, save_weights
from futurepred_jax.weights.reading import sha256


def scored(workdir, config) -> None:
    """What an evaluation leaves of the first clips."""
    found = published.measured(config, factory.load_predictor(config, workdir))
    clips = {"test_iid": {"index": list(range(8)), "scores": {"model": {name: [v] * 8 for name, v in found.items()}}}}
    (workdir / "evaluation_clips.json").write_text(json.dumps(clips))
    head = {"clips": 8, "context_frames": 5, "future_frames": 4, "sampling": "greedy", "sha256": "5a" * 32}
    split = {**head, "scores": {"model": found}, "margins": {}, "tracker": {"ade": 0.2, "recall": 1.0}}
    (workdir / "evaluation.json").write_text(json.dumps({"splits": {"test_iid": split}}))


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """A folder with a packed model, and the workdir that it was packed from."""
    folder = tmp_path_factory.mktemp("packed")
    config = baseline.get_config("debug")
    config.storage.clips, config.train.steps = "/home/somebody/clips", 7
    workdir = untrained(config, folder / "runs")
    scored(workdir, config)
    export.export(workdir, "baseline-debug", folder)
    return folder, workdir


@pytest.mark.slow
def test_a_packed_model_is_the_trained_one_in_half_precision(packed):
    folder, workdir = packed
    config, model = pretrained.load("baseline-debug", folder)
    trained = Predictor.from_workdir(workdir).trained
    for ours, theirs in zip(*(jax.tree.leaves(factory.weights_of(each)) for each in (model, trained)), strict=True):
        assert ours.dtype == np.float32
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-6)
    assert config.train.steps == 7
    entry = pretrained.index(folder)["baseline-debug"]
    published.require_published(published.measured(config, model), entry["published"])


@pytest.mark.slow
def test_the_card_tells_command_data_scores_and_changes_and_no_place(packed):
    folder, _ = packed
    card = (folder / "baseline-debug.md").read_text()
    changed = f"train.steps: 7, there {baseline.get_config('debug').train.steps}"
    for words in ("--config=baseline:debug", changed, "`clutter`", "| model", "## Limits"):
        assert words in card
    header = json.dumps(read_header(folder / "baseline-debug.npz"))
    assert "somebody" not in header
    assert '"clips": ""' in header


def test_unknown_names_list_the_known_and_other_bytes_are_refused(tmp_path):
    save_weights(tmp_path / "one.npz", {"params": {"kernel": np.ones(3)}}, {"config": {}})
    (tmp_path / "index.json").write_text(json.dumps({"one": {"sha256": sha256(tmp_path / "one.npz")}}))
    with pytest.raises(ValueError, match=r"no pretrained model 'on': known are one"):
        pretrained.load("on", tmp_path)
    (tmp_path / "one.npz").write_bytes((tmp_path / "one.npz").read_bytes() + b"x")
    with pytest.raises(ValueError, match="missing or damaged: install the package anew"):
        pretrained.load("one", tmp_path)


@pytest.mark.slow
def test_a_model_that_lost_its_score_is_not_listed(packed, tmp_path):
    _, workdir = packed
    path = workdir / "evaluation_clips.json"
    before, found = path.read_text(), json.loads(path.read_text())
    found["test_iid"]["scores"]["model"]["psnr"] = [90.0] * 8
    path.write_text(json.dumps(found))
    with pytest.raises(ValueError, match=r"psnr .*, published 90\.0"):
        export.export(workdir, "lost", tmp_path)
    path.unlink()
    with pytest.raises(ValueError, match="run --mode=evaluate there first"):
        export.export(workdir, "lost", tmp_path)
    path.write_text(before)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", pretrained.index())
def test_a_shipped_model_has_its_published_scores(name):
    model = Predictor.from_pretrained(name)
    found = published.measured(model.config, model.trained)
    published.require_published(found, pretrained.index()[name]["published"])


def test_the_shipped_models_take_at_most_20_megabytes():
    files = list(pretrained.FOLDER.glob("*.npz"))
    assert {path.stem for path in files} == pretrained.index().keys()
    assert all((pretrained.FOLDER / f"{path.stem}.md").exists() for path in files)
    assert sum(path.stat().st_size for path in files) <= 20e6
