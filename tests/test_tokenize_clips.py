"""--mode=tokenize writes what a training on tokens then reads."""

import json
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from untrained import untrained

from futurepred_jax import factory, tokenize_clips
from futurepred_jax.configs import baseline, classification
from futurepred_jax.pixels import to_signed


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    """A predictor of which a few clips are asked for."""
    config = baseline.get_config("debug")
    config.data.train_clips = config.evaluation.clips = 6
    config.storage.clips = str(tmp_path_factory.mktemp("clips"))
    config.gate = {}
    return config


def gated(config, folder, scores):
    """A predictor's workdir, beside it that of a tokenizer with these scores."""
    workdir = untrained(config, folder)
    path = factory.tokenizer_workdir(config, workdir) / "evaluation.json"
    path.write_text(json.dumps({"splits": {"val_iid": {"scores": scores}}}))
    return workdir


@pytest.fixture
def workdir(config, tmp_path):
    """The predictor's, beside its tokenizer's."""
    return gated(config, tmp_path, {"tokenizer_reconstruction": {}})


def test_the_tokens_of_a_tokenizers_config_are_those_that_a_predictor_trains_on(config, workdir, capsys):
    place, codec = factory.tokenizer_workdir(config, workdir), factory.tokenizer_config(config)
    tokenize_clips.run(codec, place)
    said = capsys.readouterr().out.splitlines()
    assert said == [f"{split}: {place}/tokens/{split}-6" for split in ("train", "val_iid")]
    files = list(Path(place / "tokens").rglob("*"))
    written = [path.stat().st_mtime_ns for path in files]
    read = factory.StoredAssets(config, workdir).tokens("train").batch(np.arange(6))["tokens"]
    assert [path.stat().st_mtime_ns for path in files] == written
    clips = factory.open_split(config, "train").batch(np.arange(6))
    seen = np.concatenate([clips["noisy"][:, :5], clips["video"][:, 5:]], axis=1)
    encoded = factory.load_tokenizer(codec, place).tokenize(to_signed(jnp.asarray(seen)))
    np.testing.assert_array_equal(read, encoded)


@pytest.fixture
def recorded(tmp_path):
    """A predictor's config of a user's own clips, and its workdir."""
    videos = np.random.default_rng(0).integers(0, 256, (24, 9, 32, 32, 3), dtype=np.uint8)
    np.savez(tmp_path / "videos.npz", videos)
    config = baseline.get_config("debug")
    config.data.source, config.storage.clips = f"arrays:{tmp_path}/videos.npz", str(tmp_path / "clips")
    scores = {"tokenizer_reconstruction": {"psnr": 30.0}, "mean_frame": {"psnr": 10.0}}
    return config, gated(config, tmp_path, scores)


def test_of_recorded_clips_a_training_reads_mirror_images_too(recorded):
    config, workdir = recorded
    clips = factory.open_split(config, "train")
    read, whole = factory.StoredAssets(config, workdir).tokens("train"), np.arange(len(clips))
    assert len(read) == 2 * len(clips)
    there, turned = read.batch(whole), read.batch(whole + len(clips))
    frames = np.flip(clips.batch(whole)["video"], axis=3)
    np.testing.assert_array_equal(turned["context"], frames[:, :5])
    np.testing.assert_array_equal(turned["context"], np.flip(there["context"], axis=3))
    codec, place = factory.tokenizer_config(config), factory.tokenizer_workdir(config, workdir)
    encoded = factory.load_tokenizer(codec, place).tokenize(to_signed(jnp.asarray(frames)))
    np.testing.assert_array_equal(turned["tokens"], encoded)


def test_mirror_images_are_of_what_is_trained_on_and_can_be_left_out(recorded):
    config, workdir = recorded
    count = lambda split: len(factory.StoredAssets(config, workdir).tokens(split))  # noqa: E731
    train, held_out = (len(factory.open_split(config, split)) for split in ("train", "val_iid"))
    assert (count("train"), count("val_iid")) == (2 * train, held_out)
    config.mirrored = False
    assert (count("train"), count("val_iid")) == (train, held_out)


def test_tokens_of_a_predictors_config_are_all_that_it_trains_on(recorded, capsys):
    config, workdir = recorded
    tokenize_clips.run(config, workdir)
    folder = factory.tokenizer_workdir(config, workdir) / "tokens"
    train, held_out = (len(factory.open_split(config, split)) for split in ("train", "val_iid"))
    names = (f"train: {folder}/train-{train}", f"train: {folder}/train-mirrored-{train}")
    assert {*names, f"val_iid: {folder}/val_iid-{held_out}"} <= set(capsys.readouterr().out.splitlines())


def test_splits_are_those_that_are_asked_for(config, workdir):
    asked = config.copy_and_resolve_references()
    asked.evaluation.splits = "test_speed"
    tokenize_clips.run(asked, workdir)
    folder = factory.tokenizer_workdir(config, workdir) / "tokens"
    assert [path.name for path in folder.iterdir() if path.is_dir()] == ["test_speed-6"]
    asked.evaluation.splits = "test_sped"
    with pytest.raises(ValueError, match="unknown test_sped; known are all, train"):
        tokenize_clips.run(asked, workdir)


def test_a_config_without_a_tokenizer_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"classification.* has no tokenizer: take a tokenizer's config"):
        tokenize_clips.run(classification.get_config("debug"), tmp_path)
