"""A workdir belongs to the config that trained it."""

import json

import pytest
from regression_job import make_job

from futurepred_jax import train
from futurepred_jax.training import checkpoints, identity

CONFIG = {"seed": 0, "model": {"width": 8, "heads": (1, 2)}, "evaluation": {"clips": 4}}
PREDICTOR = {"seed": 1, "tokenizer": {"workdir": "", "config": CONFIG}}


def test_claim_writes_and_accepts_the_same(tmp_path):
    identity.claim(tmp_path / "run", CONFIG)
    identity.claim(tmp_path / "run", CONFIG)
    identity.require_same(tmp_path / "run", CONFIG)
    assert identity.read_config(tmp_path / "run")["model"] == {"width": 8, "heads": [1, 2]}


@pytest.mark.parametrize("check", [identity.claim, identity.require_same])
def test_mismatch_lists_the_fields_and_changes_nothing(tmp_path, check):
    identity.claim(tmp_path, CONFIG)
    before = (tmp_path / "config.json").read_bytes()
    with pytest.raises(ValueError, match=r"model.width: 9, there 8\n  seed: 3, there 0\n"):
        check(tmp_path, {**CONFIG, "seed": 3, "model": {"width": 9, "heads": (1, 2)}})
    assert (tmp_path / "config.json").read_bytes() == before


def test_a_mismatch_says_whether_anything_would_be_lost(tmp_path):
    identity.claim(tmp_path, CONFIG)
    with pytest.raises(ValueError, match="Nothing was trained there yet: delete it"):
        identity.claim(tmp_path, {**CONFIG, "seed": 3})
    (tmp_path / checkpoints.FOLDER).mkdir()
    with pytest.raises(ValueError, match="Use the config it was trained with"):
        identity.claim(tmp_path, {**CONFIG, "seed": 3})


def test_another_evaluation_is_the_same_training(tmp_path):
    other = {**CONFIG, "evaluation": {"clips": 9}}
    identity.claim(tmp_path, CONFIG)
    identity.claim(tmp_path, other)
    assert identity.fingerprint(CONFIG) == identity.fingerprint(other)
    assert identity.read_config(tmp_path)["evaluation"] == {"clips": 9}


def test_a_batch_in_turns_is_the_same_training(tmp_path):
    identity.claim(tmp_path, {**CONFIG, "train": {"steps": 5}})
    identity.require_same(tmp_path, {**CONFIG, "train": {"steps": 5, "accumulate": 4, "on_nan": "skip"}})
    with pytest.raises(ValueError, match=r"train.steps: 6, there 5"):
        identity.require_same(tmp_path, {**CONFIG, "train": {"steps": 6, "accumulate": 4}})


def test_a_predictors_tokenizer_decides_too():
    other = {**PREDICTOR, "tokenizer": {"workdir": "x", "config": {**CONFIG, "seed": 5}}}
    assert identity.differences(PREDICTOR, other) == ["tokenizer.seed: 0, there 5"]


def test_what_a_predictors_pathway_starts_from_decides_and_where_it_was_trained_does_not():
    pathway = {"init": "pretrained", "weights": "", "workdir": "", "endpoints": ("res5",), "config": CONFIG}
    watching = lambda section: {**PREDICTOR, "pathways": {"i3d": section}}  # noqa: E731
    moved, random, reseeded = ({**pathway, **c} for c in ({"workdir": "x"}, {"init": "random"}, {"config": PREDICTOR}))
    ours = watching(pathway)
    assert identity.differences(ours, watching(moved)) == []
    assert identity.differences(ours, watching(random)) == ["pathways.i3d.init: pretrained, there random"]
    assert "pathways.i3d.seed: 0, there 1" in identity.differences(ours, watching(reseeded))


def test_a_workdir_without_config_says_what_to_do(tmp_path):
    with pytest.raises(ValueError, match="train there first"):
        identity.read_config(tmp_path)


def test_where_clips_are_drawn_is_the_same_training(tmp_path):
    identity.claim(tmp_path, {"data": {"size": 32, "render_on": "device"}})
    identity.require_same(tmp_path, {"data": {"size": 32, "render_on": "host"}})
    identity.require_same(tmp_path, {"data": {"size": 32}})
    with pytest.raises(ValueError, match=r"data.size: 64, there 32"):
        identity.require_same(tmp_path, {"data": {"size": 64, "render_on": "host"}})


def test_scores_go_when_their_model_is_trained_further_and_only_then(tmp_path):
    scores = tmp_path / "evaluation.json"
    scores.write_text("{}")
    train.fit(make_job(), tmp_path)
    assert not scores.exists()
    scores.write_text("{}")
    train.fit(make_job(), tmp_path)
    assert scores.exists()
    (tmp_path / "summary.json").write_text("damaged")  # it is written again, and the model is the same
    train.fit(make_job(), tmp_path)
    assert scores.exists()
    assert json.loads((tmp_path / "summary.json").read_text())
