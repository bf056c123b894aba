"""--mode=tokenize writes what a training on tokens then reads."""

import json
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from untrained import untrained

from futurepred_jax import factory, tokenize
from futurepred_jax.configs import baseline, classification
from futurepred_jax.objectives.tokenizer import to_signed


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    """A predictor of which a few clips are asked for."""
    config = baseline.get_config("debug")
    config.data.train_clips = config.evaluation.clips = 6
    config.storage.clips = str(tmp_path_factory.mktemp("clips"))
    config.gate = {}
    return config


@pytest.fixture
def workdir(config, tmp_path):
    """The predictor's, beside its tokenizer's."""
    workdir = untrained(config, tmp_path)
    scores = {"val_iid": {"scores": {"tokenizer_reconstruction": {}}}}
    path = factory.tokenizer_workdir(config, workdir) / "evaluation.json"
    path.write_text(json.dumps({"splits": scores}))
    return workdir


def test_the_tokens_of_a_tokenizers_config_are_those_that_a_predictor_trains_on(config, workdir, capsys):
    place, codec = factory.tokenizer_workdir(config, workdir), factory.tokenizer_config(config)
    tokenize.run(codec, place)
    said = capsys.readouterr().out.splitlines()
    assert said == [f"{split}: {place}/tokens/{split}-6" for split in ("train", "val_iid")]
    files = list(Path(place / "tokens").rglob("*"))
    written = [path.stat().st_mtime_ns for path in files]
    read = factory.Stored(config, workdir).tokens("train").batch(np.arange(6))["tokens"]
    assert [path.stat().st_mtime_ns for path in files] == written
    clips = factory.open_split(config, "train").batch(np.arange(6))
    seen = np.concatenate([clips["noisy"][:, :5], clips["video"][:, 5:]], axis=1)
    encoded = factory.load_tokenizer(codec, place).tokenize(to_signed(jnp.asarray(seen)))
    np.testing.assert_array_equal(read, encoded)


def test_a_training_reads_mirror_images_too_unless_told_not_to(config, workdir):
    read = factory.Stored(config, workdir).tokens("train")
    assert len(read) == 12
    there, turned = read.batch(np.arange(6)), read.batch(np.arange(6, 12))
    np.testing.assert_array_equal(turned["context"], there["context"][:, :, :, ::-1])
    clips = factory.open_split(config, "train").batch(np.arange(6))
    seen = np.concatenate([turned["context"], clips["video"][:, 5:, :, ::-1]], axis=1)
    tokenizer = factory.load_tokenizer(factory.tokenizer_config(config), factory.tokenizer_workdir(config, workdir))
    np.testing.assert_array_equal(turned["tokens"], tokenizer.tokenize(to_signed(jnp.asarray(seen))))
    assert len(factory.Stored(config, workdir).tokens("val_iid")) == 6
    asked = config.copy_and_resolve_references()
    asked.mirrored, asked.logging.val_batches = False, 1
    without = factory.Stored(asked, workdir).tokens("train")
    assert len(without) == len(factory.outline_job(asked).train_source) == 6
    np.testing.assert_array_equal(without.batch(np.arange(6))["tokens"], there["tokens"])
    asked.mirrored = True
    assert len(factory.outline_job(asked).train_source) == 12


def test_tokens_of_a_predictors_config_are_all_that_it_trains_on(config, workdir, capsys):
    tokenize.run(config, workdir)
    folder = factory.tokenizer_workdir(config, workdir) / "tokens"
    names = ("train: train-6", "train: train-mirrored-6", "val_iid: val_iid-6")
    said = [name.replace(" ", f" {folder}/") for name in names]
    assert capsys.readouterr().out.splitlines() == said


def test_splits_are_those_that_are_asked_for(config, workdir):
    asked = config.copy_and_resolve_references()
    asked.evaluation.splits = "test_speed"
    tokenize.run(asked, workdir)
    folder = factory.tokenizer_workdir(config, workdir) / "tokens"
    assert [path.name for path in folder.iterdir()] == ["test_speed-6"]
    asked.evaluation.splits = "test_sped"
    with pytest.raises(ValueError, match="unknown test_sped; known are all, train"):
        tokenize.run(asked, workdir)


def test_a_config_without_a_tokenizer_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"classification.* has no tokenizer: take a tokenizer's config"):
        tokenize.run(classification.get_config("debug"), tmp_path)
