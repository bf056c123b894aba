"""Packed models: what was trained comes back with its scores, and whatever else is refused."""

import json

import jax
import numpy as np
import pytest
from untrained import untrained

from futurepred_jax import Predictor, factory, pretrained
from futurepred_jax.configs import baseline, joint_i3d, outlook, slowfast
from futurepred_jax.pretrained import export, published
from futurepred_jax.pretrained.packed import fingerprint
from futurepred_jax.pretrained.rounding import BITS, MOST
from futurepred_jax.training import checkpoints, identity


def scored(workdir, config) -> None:
    """What a training and an evaluation leave of the first clips."""
    found = published.measured(config, factory.load_predictor(config, workdir))
    clips = {"test_iid": {"index": list(range(8)), "scores": {"model": {name: [v] * 8 for name, v in found.items()}}}}
    (workdir / "evaluation_clips.json").write_text(json.dumps(clips))
    head = {"clips": 8, "context_frames": 5, "future_frames": 4, "sampling": "greedy", "sha256": "5a" * 32}
    split = {**head, "scores": {"model": found}, "margins": {}, "tracker": {"ade": 0.2, "recall": 1.0}}
    (workdir / "evaluation.json").write_text(json.dumps({"splits": {"test_iid": split}}))
    part = workdir / "evaluation/test_iid.json"
    part.parent.mkdir(exist_ok=True)
    part.write_text(json.dumps({"origin": {"weights": [checkpoints.fingerprint(workdir)]}}))
    (workdir / "summary.json").write_text(json.dumps({"steps": 1, "seconds": 90, "hardware": "cpu × 1"}))


@pytest.fixture(
    scope="module", params=[baseline, slowfast, joint_i3d], ids=lambda config: config.__name__.rpartition(".")[2]
)
def packed(request, tmp_path_factory):
    """A folder with a packed model, and the workdir that it was packed from.

    Random weights lose more bits to rounding than trained ones.
    """
    folder = tmp_path_factory.mktemp("packed")
    config = request.param.get_config("debug")
    config.storage.clips, config.train.steps = "/home/somebody/clips", 7
    workdir = untrained(config, folder / "runs")
    scored(workdir, config)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(published.TOLERANCES, "bits_per_token", 0.05)
        export.export(workdir, "one", folder)
        yield folder, workdir


@pytest.mark.slow
def test_a_packed_model_is_the_trained_one_in_fewer_bits(packed):
    folder, workdir = packed
    config, model = pretrained.load("one", folder)
    trained = Predictor.from_workdir(workdir).trained
    packed_parts, trained_parts = factory.weights_of(model), factory.weights_of(trained)
    assert packed_parts.keys() == trained_parts.keys()
    for part in packed_parts:
        closest = 1.28 * 2.0 ** -BITS.get(part, MOST)  # 0.5 % of eight bits, which come after float16's
        for ours, theirs in zip(*map(jax.tree.leaves, (packed_parts[part], trained_parts[part])), strict=True):
            assert ours.dtype == np.float32
            np.testing.assert_allclose(ours, theirs, rtol=closest, atol=1e-7)
    np.testing.assert_array_equal(model.tokenizer.codebooks, trained.tokenizer.codebooks)
    assert config.train.steps == 7
    entry = pretrained.describe("one", folder)
    published.require_published(published.measured(config, model), entry["published"])


@pytest.mark.slow
def test_the_parts_are_those_that_predict_and_nothing_that_only_judges(packed):
    folder, workdir = packed
    parts = pretrained.describe("one", folder)["parts"]
    watches = identity.read_config(workdir).get("pathways") is not None
    assert parts.keys() == {"tokenizer", "transformer", "outlook"} | ({"pathways"} if watches else set())
    assert len(list((folder / "parts").iterdir())) == len(parts)


@pytest.mark.slow
def test_the_card_tells_command_data_scores_and_changes_and_no_place(packed):
    folder, workdir = packed
    card = (folder / "one.md").read_text()
    name = identity.read_config(workdir)["name"]
    changed = f"train.steps: 7, there {baseline.get_config('debug').train.steps}"
    for words in (f"--config={name}:debug", changed, "1.5 minutes on cpu × 1", "`clutter`", "| model", "## Limits"):
        assert words in card
    assert ("shuffled pathway" in card) == (name != "baseline")
    text = (folder / "one.json").read_text()
    assert "somebody" not in text
    assert json.loads(text)["config"]["storage"]["clips"] == ""


@pytest.mark.slow
def test_models_share_parts_and_leave_none_behind(packed):
    folder, workdir = packed
    before = set((folder / "parts").iterdir())
    (folder / "parts/tokenizer-0123456789abcdef.npz").touch()  # of a model that was exported again
    (folder / "parts/mine.npz").touch()
    export.export(workdir, "two", folder)
    assert set((folder / "parts").iterdir()) == before | {folder / "parts/mine.npz"}
    (folder / "parts/mine.npz").unlink()
    assert pretrained.describe("two", folder)["sha256"] == pretrained.describe("one", folder)["sha256"]


@pytest.mark.slow
def test_a_model_that_lost_its_score_is_not_written(packed, tmp_path):
    _, workdir = packed
    path = workdir / "evaluation_clips.json"
    before, found = path.read_text(), json.loads(path.read_text())
    found["test_iid"]["scores"]["model"]["psnr"] = [90.0] * 8
    path.write_text(json.dumps(found))
    with pytest.raises(ValueError, match=r"psnr .*, published 90\.0"):
        export.export(workdir, "lost", tmp_path)
    path.write_text(before)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_scores_of_another_checkpoint_are_not_packed(packed, tmp_path):
    _, workdir = packed
    part = workdir / "evaluation/test_iid.json"
    before = part.read_text()
    part.write_text(json.dumps({"origin": {"weights": ["of the best"]}}))
    with pytest.raises(ValueError, match=r"newest checkpoint.*--config\.evaluation\.checkpoint=newest first"):
        export.export(workdir, "other", tmp_path)
    part.write_text(before)
    assert not list(tmp_path.iterdir())


def claimed(folder, config):
    """A workdir that holds nothing but its config."""
    identity.claim(folder, config.to_dict())
    return folder


def test_a_workdir_that_cannot_be_packed_is_refused_with_what_to_do(tmp_path):
    config = baseline.get_config("debug")
    begun = claimed(tmp_path / "begun", config)
    with pytest.raises(ValueError, match="its training has not ended; repeat its command first"):
        export.export(begun, "one", tmp_path / "out")
    (begun / "summary.json").write_text("{}")
    with pytest.raises(ValueError, match="no scores of 8 clips of test_iid: run --mode=evaluate there first"):
        export.export(begun, "one", tmp_path / "out")
    with pytest.raises(ValueError, match="holds a outlook, outlook, which predicts nothing"):
        export.export(claimed(tmp_path / "outlook", outlook.get_config("debug")), "one", tmp_path / "out")
    config.data.source = "files:videos"
    with pytest.raises(ValueError, match="trained on files:videos, which a package does not bring"):
        export.export(claimed(tmp_path / "films", config), "one", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.fixture
def listed(tmp_path):
    """A folder in which a model called "one" is listed, whose only part is missing."""
    parts = {"tokenizer": "5a" * 32}
    entry = {"config": {"name": "baseline"}, "parts": parts, "sha256": fingerprint({"name": "baseline"}, parts)}
    (tmp_path / "one.json").write_text(json.dumps(entry))
    return tmp_path


def test_unknown_names_list_the_known(listed):
    with pytest.raises(ValueError, match=r"no pretrained model 'on': known are one"):
        pretrained.load("on", listed)
    with pytest.raises(ValueError, match=r"no pretrained model '../one': known are one"):
        pretrained.load("../one", listed)


def test_a_part_that_is_missing_or_has_other_bytes_is_refused_by_its_name(listed):
    with pytest.raises(ValueError, match=r"tokenizer-5a5a5a5a5a5a5a5a.npz is missing or damaged: install the package"):
        pretrained.load("one", listed)
    (listed / "parts").mkdir()
    (listed / "parts/tokenizer-5a5a5a5a5a5a5a5a.npz").write_bytes(b"others")
    with pytest.raises(ValueError, match=r"tokenizer-5a5a5a5a5a5a5a5a.npz is missing or damaged"):
        pretrained.load("one", listed)


@pytest.mark.parametrize("change", [("baseline", "slowfast"), ('{"config"', '"config"'), ('"sha256"', '"sha"')])
def test_a_description_that_was_changed_is_refused(listed, change):
    path = listed / "one.json"
    path.write_text(path.read_text().replace(*change))
    with pytest.raises(ValueError, match=r"one.json is missing or damaged: install the package anew"):
        pretrained.load("one", listed)


@pytest.mark.parametrize("name", pretrained.names())
def test_a_shipped_model_has_its_published_scores(name):
    model = Predictor.from_pretrained(name)
    found = published.measured(model.config, model.trained)
    published.require_published(found, pretrained.describe(name)["published"])


def test_the_shipped_models_take_at_most_20_megabytes_and_no_part_is_left_over():
    entries = [pretrained.describe(name) for name in pretrained.names()]
    listed = {f"{part}-{digest[:16]}.npz" for entry in entries for part, digest in entry["parts"].items()}
    files = list((pretrained.FOLDER / "parts").iterdir())
    assert {path.name for path in files} == listed
    assert {path.stem for path in pretrained.FOLDER.glob("*.md")} == set(pretrained.names())
    assert sum(path.stat().st_size for path in files) <= 20e6
