"""The mode ``evaluate``: split by split, each kept as soon as it is scored, and scored anew only when it must be."""

import dataclasses
import json

import numpy as np
import pytest
from players import CLIPS, CONTEXT, FUTURE, Drawn, Fake, oracle

from futurepred_jax import evaluate, factory, floors, pretrained
from futurepred_jax.configs import baseline
from futurepred_jax.training import checkpoints, identity


@pytest.fixture
def config():
    config = baseline.get_config("debug")
    config.data.frames, config.data.context_frames = CONTEXT + FUTURE, CONTEXT
    config.evaluation.update({"clips": CLIPS, "batch_size": CLIPS, "samples": 0, "splits": "test_iid,val_iid"})
    return config


@pytest.fixture(scope="module")
def drawn() -> Drawn:
    return Drawn()


SCORE = evaluate.evaluate_predictor
EVALUATED: dict[int, evaluate.Evaluation] = {}  # by number of clips: the scores are not what these tests are about


class Workshop:
    """Stands in for what the factory opens and loads, and counts the splits that are scored."""

    def __init__(self, monkeypatch, drawn: Drawn):
        self.scored, self.opened, self.weights, self.broken, self.drawn = [], {}, "a1", "", drawn
        self.steps = 10**6
        monkeypatch.setattr(factory, "open_split", self.open_split)
        monkeypatch.setattr(factory, "load_predictor", lambda *_: Fake(drawn, oracle))
        monkeypatch.setattr(checkpoints, "fingerprint", lambda *_: self.weights)
        monkeypatch.setattr(identity, "require_same", lambda *_: None)
        monkeypatch.setattr(checkpoints, "trained_steps", lambda *_: self.steps)
        monkeypatch.setattr(evaluate, "evaluate_predictor", self.evaluate_predictor)

    def open_split(self, _, name: str, *, first: int | None = None) -> Drawn:
        self.opened[name] = first
        if name == self.broken:
            raise OSError("no room")
        clips = Drawn.__new__(Drawn)
        clips.__dict__ |= self.drawn.__dict__ | {"split": name}
        return clips

    def evaluate_predictor(self, predictor, clips, protocol, mean_frame, **_):
        self.scored.append(clips.split)
        if protocol.clips not in EVALUATED:
            EVALUATED[protocol.clips] = SCORE(predictor, self.drawn, protocol, mean_frame, progress=False)
        return dataclasses.replace(EVALUATED[protocol.clips], split=clips.split)


@pytest.fixture
def workshop(monkeypatch, drawn) -> Workshop:
    return Workshop(monkeypatch, drawn)


def splits(workdir) -> list[str]:
    return list(json.loads((workdir / "evaluation.json").read_text())["splits"])


def test_every_split_is_scored_once(config, workshop, tmp_path, capsys):
    evaluate.run(config, tmp_path)
    assert workshop.scored == splits(tmp_path) == ["test_iid", "val_iid"]
    assert "val_iid: 5 clips" in capsys.readouterr().out
    before = (tmp_path / "evaluation.json").read_text()
    evaluate.run(config, tmp_path)
    assert "val_iid: scored before by the same weights and rules, and kept" in capsys.readouterr().out
    assert len(workshop.scored) == 2
    assert (tmp_path / "evaluation.json").read_text() == before


def test_what_was_finished_before_a_failure_is_kept(config, workshop, tmp_path):
    workshop.broken = "val_iid"
    with pytest.raises(OSError, match="no room"):
        evaluate.run(config, tmp_path)
    assert not (tmp_path / "evaluation.json").exists()
    workshop.broken = ""
    evaluate.run(config, tmp_path)
    assert workshop.scored == ["test_iid", "val_iid"]


def test_other_weights_or_other_rules_are_scored_anew(config, workshop, tmp_path):
    config.evaluation.splits = "test_iid"
    evaluate.run(config, tmp_path)
    workshop.weights = "b2"
    evaluate.run(config, tmp_path)
    config.evaluation.clips = CLIPS - 1
    evaluate.run(config, tmp_path)
    assert workshop.scored == ["test_iid"] * 3


def test_a_further_split_joins_those_scored_before(config, workshop, tmp_path):
    config.evaluation.splits = "test_iid"
    evaluate.run(config, tmp_path)
    config.evaluation.splits = "val_iid"
    evaluate.run(config, tmp_path)
    assert splits(tmp_path) == ["val_iid", "test_iid"]
    assert workshop.scored == ["test_iid", "val_iid"]


def test_an_unknown_split_is_refused_before_anything_is_scored(config, workshop, tmp_path):
    config.evaluation.splits = "test_iid, test_moon"
    with pytest.raises(
        ValueError, match=r"config\.evaluation\.splits: unknown test_moon; known are all, train, val_iid"
    ):
        evaluate.run(config, tmp_path)
    assert not workshop.scored


def test_predictions_from_elsewhere_are_scored_beside_the_model_s_results(config, workshop, tmp_path):
    config.evaluation.splits, config.evaluation.predictions = "test_iid", str(tmp_path / "theirs.npz")
    np.savez(tmp_path / "theirs.npz", video=workshop.drawn.fields["video"][:, CONTEXT:])
    evaluate.run(config, tmp_path)
    (given,) = (tmp_path / "given").iterdir()
    assert given.name.startswith("theirs-")
    found = json.loads((given / "evaluation.json").read_text())["splits"]["test_iid"]
    assert found["scores"]["model"]["psnr"] == 100
    assert workshop.opened == {"test_iid": None, "train": floors.AVERAGED}
    assert not workshop.scored
    assert not (tmp_path / "evaluation.json").exists()
    np.savez(tmp_path / "theirs.npz", video=workshop.drawn.fields["video"][:, CONTEXT - 1 : -1])
    evaluate.run(config, tmp_path)
    assert len([*(tmp_path / "given").iterdir()]) == 2


def test_a_packed_model_is_scored_on_its_own_data_beside_the_workdir_s_results(
    config, workshop, tmp_path, monkeypatch, drawn
):
    evaluate.run(config, tmp_path)
    before = (tmp_path / "evaluation.json").read_text()
    monkeypatch.setattr(pretrained, "describe", lambda name: {"config": config.to_dict(), "sha256": name})
    monkeypatch.setattr(pretrained, "load", lambda _: (config, Fake(drawn, oracle)))
    asked = baseline.get_config("tiny")  # of clips of another length
    asked.evaluation, asked.predictions.pretrained = config.evaluation, "one"
    asked.evaluation.splits, workshop.steps = "val_iid", 0
    evaluate.run(asked, tmp_path)
    assert splits(tmp_path / "pretrained" / "one") == ["val_iid"]
    assert (tmp_path / "evaluation.json").read_text() == before
    evaluate.run(asked, tmp_path)
    assert workshop.scored == ["test_iid", "val_iid", "val_iid"]
    asked.predictions.pretrained = "two"
    evaluate.run(asked, tmp_path)
    assert len(workshop.scored) == 4


def test_predictions_of_the_wrong_shape_are_refused(config, workshop, tmp_path):
    config.evaluation.splits, config.evaluation.predictions = "test_iid", str(tmp_path / "theirs.npz")
    np.savez(tmp_path / "theirs.npz", video=workshop.drawn.fields["video"])
    with pytest.raises(ValueError, match=r"shape \(5, 9, 32, 32, 3\), scored are \(5, 4, 32, 32, 3\)"):
        evaluate.run(config, tmp_path)


def test_a_training_that_has_not_ended_is_scored_and_said_to_be_unfinished(config, workshop, tmp_path, capsys):
    evaluate.run(config, tmp_path)
    assert "steps" not in capsys.readouterr().out
    workshop.steps = 40
    evaluate.run(config, tmp_path)
    assert f"{tmp_path} has 40 of {config.train.steps} steps" in capsys.readouterr().out


def test_a_workdir_whose_training_has_saved_nothing_yet_is_refused(config, tmp_path):
    identity.claim(tmp_path, config.to_dict())
    with pytest.raises(ValueError, match=r"no checkpoint in .*: train there first"):
        evaluate.run(config, tmp_path)


def test_predictions_are_of_one_split(config, workshop, tmp_path):
    config.evaluation.predictions = str(tmp_path / "theirs.npz")
    np.savez(tmp_path / "theirs.npz", video=workshop.drawn.fields["video"][:, CONTEXT:])
    with pytest.raises(ValueError, match="a file holds those of one split, named by --splits"):
        evaluate.run(config, tmp_path)


def test_a_workdir_without_a_training_is_refused(config, tmp_path):
    with pytest.raises(ValueError, match=r"no config\.json in .*: train there first"):
        evaluate.run(config, tmp_path / "nothing")
