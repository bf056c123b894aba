"""Presets construct at their stated size; unknown names and bad tokenizers are refused."""

import contextlib
import importlib
import json
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from futurepred_jax import factory
from futurepred_jax.configs import NAMES, baseline, classification, find_config, shared, tokenizer
from futurepred_jax.data.spec import SPLITS
from futurepred_jax.models.transformer import Conditioning
from futurepred_jax.modes import train_model
from futurepred_jax.training import identity
from futurepred_jax.training.summary import count_modules, parameter_table

SIZES = {  # tokenizer, Transformer, tolerance
    "small": (1.0e6, 4.5e6, 0.02),
    "base": (6.9e6, 9.8e6, 0.02),
    "large": (59.2e6, 1.06e9, 0.01),
}


@pytest.mark.parametrize("preset", shared.PRESETS)
def test_presets_have_their_size(preset):
    config = baseline.get_config(preset)
    magvit = factory.make_magvit(tokenizer.get_config(preset))
    assert magvit == factory.make_magvit(factory.tokenizer_config(config))
    transformer = factory.make_transformer(config, magvit)
    st, sh, sw = magvit.stride
    drawn = jax.eval_shape(magvit.init, jax.random.key(0), jnp.zeros((1, 1 + st, sh, sw, 3)))["params"]
    tokens = jax.ShapeDtypeStruct((1, math.prod(transformer.grid), len(transformer.sizes)), jnp.int32)
    guessing = factory.make_outlook(factory.outlook_config(config), magvit)

    def init(key, tokens):
        context = jnp.zeros((1, config.data.context_frames, config.data.size, config.data.size, 3))
        return transformer.init(key, tokens, Conditioning(guess=guessing.init_with_output(key, context)[0]))

    predicted = jax.eval_shape(init, jax.random.key(0), tokens)["params"]
    counts = [count_modules(parameter_table(tree))["total"] for tree in (drawn, predicted)]
    assert min(counts) > 0
    *wanted, tolerance = SIZES.get(preset, (*counts, 0.0))
    for count, want in zip(counts, wanted, strict=True):
        assert count == pytest.approx(want, rel=tolerance)


@pytest.mark.parametrize("module", [tokenizer, baseline])
def test_an_unknown_preset_lists_the_known(module):
    with pytest.raises(ValueError, match=r"'huge'.*debug, tiny, small, base"):
        module.get_config("huge")


def test_configs_are_found_by_name():
    assert find_config("baseline:debug").endswith("baseline.py:debug")
    assert find_config("configs/baseline.py").endswith("baseline.py")
    with pytest.raises(ValueError, match=r"no config 'elsewhere/baseline.py'"):
        find_config("elsewhere/baseline.py")
    with pytest.raises(ValueError, match=f"'nothing'.*{', '.join(NAMES)}"):
        find_config("nothing")


def test_an_unknown_quantizer_or_kind_lists_the_known(tmp_path):
    config = tokenizer.get_config("debug")
    config.model.quantizer.name = "none"
    with pytest.raises(ValueError, match="known are fsq, lfq, vq"):
        factory.make_magvit(config)
    config.kind = "other"
    with pytest.raises(ValueError, match="known are tokenizer, outlook, predictor"):
        factory.make_job(config, tmp_path)


@pytest.fixture
def gated(tmp_path):
    """A predictor's config and workdir, beside a tokenizer of given scores."""
    config = baseline.get_config("tiny")
    place = factory.tokenizer_workdir(config, tmp_path / "baseline")
    identity.claim(place, factory.tokenizer_config(config).to_dict())

    def check(scores=None):
        if scores:
            splits = {"val_iid": {"scores": {"tokenizer_reconstruction": scores}}}
            (place / "evaluation.json").write_text(json.dumps({"splits": splits}))
        factory.require_gate(config, tmp_path / "baseline")

    return check


def test_a_good_tokenizer_passes_the_gate(gated):
    gated({"foreground_psnr": 90.0, "recall": 1.0})


@pytest.mark.parametrize("psnr", [1.0, math.nan])
def test_a_poor_tokenizer_is_refused(gated, psnr):
    with pytest.raises(factory.GateError, match=r"foreground_psnr.*at least"):
        gated({"foreground_psnr": psnr, "recall": 1.0})


@pytest.mark.parametrize(("psnr", "passes"), [(20.5, True), (19.5, False)])
def test_of_recorded_videos_a_tokenizer_must_draw_more_than_the_mean_frame(recorded, tmp_path, psnr, passes):
    config = baseline.get_config("debug")
    config.data.source, config.recorded_gate = recorded.data.source, 3.0
    place = factory.tokenizer_workdir(config, tmp_path / "baseline")
    identity.claim(place, factory.tokenizer_config(config).to_dict())
    scores = {"tokenizer_reconstruction": {"psnr": psnr, "recall": None}, "mean_frame": {"psnr": 17.0}}
    (place / "evaluation.json").write_text(json.dumps({"splits": {"val_iid": {"scores": scores}}}))
    with contextlib.nullcontext() if passes else pytest.raises(factory.GateError, match=r"psnr 19\.5, at least 20"):
        factory.require_gate(config, tmp_path / "baseline")


@pytest.fixture
def recorded(tmp_path):
    """A tokenizer's config on forty small videos in an array."""
    videos = np.random.default_rng(0).integers(0, 255, (40, 9, 16, 16, 3)).astype(np.uint8)
    np.save(tmp_path / "videos.npy", videos)
    config = tokenizer.get_config("debug")
    config.data.size, config.data.held_out, config.storage.clips = 16, 0.25, str(tmp_path / "clips")
    config.data.source = f"arrays:{tmp_path / 'videos.npy'}"
    return config


def test_a_training_on_recorded_videos_says_that_it_knows_no_objects(recorded, tmp_path, capsys):
    job = factory.make_job(recorded, tmp_path)
    said = capsys.readouterr().out
    assert "no objects are known in arrays:" in said
    assert "every pixel weighs the same" in said
    assert "0 recordings skipped" in said
    assert set(job.batch_keys or ()) == {"noisy", "video"}
    assert 1 <= job.val_batches * job.batch_size <= len(job.val_source) < 40  # as many as there are
    assert len(job.train_source) > 10
    recorded.train.batch_size = 30
    with pytest.raises(ValueError, match=r"val_iid has \d+ clips, and a batch of tokenizer takes 30: .*data\.held_out"):
        factory.make_job(recorded, tmp_path)


def test_too_few_videos_are_told_before_anything_is_trained(recorded, tmp_path):
    config = baseline.get_config("debug")
    for name in ("source", "size", "held_out"):
        config.data[name] = recorded.data[name]
    config.storage.clips = recorded.storage.clips
    config.tokenizer.config.train.batch_size = config.train.batch_size = 2
    factory.require_held_out(config)
    config.outlook.config.train.batch_size = 30
    with pytest.raises(ValueError, match="a batch of outlook takes 30"):
        train_model(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_motion_networks_learn_no_labels_from_recorded_videos(recorded, tmp_path):
    config = classification.get_config("debug")
    config.data.source, config.storage.clips = recorded.data.source, recorded.storage.clips
    with pytest.raises(ValueError, match=r"which arrays:.* has none of: .*init=random or published"):
        factory.make_job(config, tmp_path)


def test_an_unknown_source_lists_the_known(recorded):
    recorded.data.source = "folder:videos"
    with pytest.raises(ValueError, match=r"'folder:videos': known are clutter, files, arrays, tfds, digits"):
        factory.open_split(recorded, "train")
    recorded.data.source = "clutter:videos"
    with pytest.raises(ValueError, match="say clutter"):
        factory.open_split(recorded, "train")
    for recorded.data.source in ("files", "files:"):
        with pytest.raises(ValueError, match="it needs a place, files:FOLDER"):
            factory.open_split(recorded, "train")


@pytest.mark.parametrize("source", ["clutter", None])
def test_clips_are_kept_in_a_local_folder(recorded, tmp_path, monkeypatch, source):
    monkeypatch.chdir(tmp_path)
    recorded.data.source, recorded.storage.clips = source or recorded.data.source, "gs://bucket/clips"
    with pytest.raises(ValueError, match=r"config\.storage\.clips=gs://bucket/clips: it is a local folder"):
        factory.open_split(recorded, "train")
    assert not (tmp_path / "gs:").exists()


def test_a_tokenizer_without_evaluation_is_refused(gated):
    with pytest.raises(ValueError, match="--mode=evaluate first"):
        gated()


def test_any_split_opens_by_its_name(tmp_path):
    config = baseline.get_config("debug")
    config.storage.clips, config.evaluation.clips = str(tmp_path), 1
    assert factory.spec(config).context_frames == config.data.context_frames
    clips = factory.open_split(config, "test_speed")
    assert clips.spec is not None
    assert (len(clips), clips.split, clips.spec.tempo) == (1, "test_speed", (1.5, 2.0))
    with pytest.raises(ValueError, match="known are train, val_iid, test_iid, test_comp"):
        factory.open_split(config, "test_everything")


def test_all_splits_are_those_that_nothing_was_trained_on():
    config = baseline.get_config("debug")
    config.evaluation.splits = "all"
    names = factory.evaluation_splits(config)
    assert set(names) == set(SPLITS) - {"train"}
    assert (names[0], names[-1]) == ("test_iid", "val_iid")
    config.data.source = "arrays:videos.npz"
    assert factory.evaluation_splits(config) == ("test_iid", "val_iid")
    config.data.source, config.evaluation.splits = "clutter", "train"
    with pytest.raises(ValueError, match="train is not scored"):
        factory.evaluation_splits(config)


def test_what_other_models_read_of_training_clips_is_stored_with_them(tmp_path):
    """A predictor and its pathway's classifier may share a specification, and so the stored clips."""
    clips = []
    for config in (baseline.get_config("debug"), classification.get_config("debug")):
        config.data.update(level="clean", objects=(1, 1), train_clips=2)
        config.storage.clips = str(tmp_path)
        clips.append(factory.open_split(config, "train").batch(np.arange(2)))
    assert clips[0].keys() == clips[1].keys() >= {"instance", "family", "shape"}


@pytest.mark.parametrize("name", ["classification", "slowfast"])
def test_turns_are_refused_where_the_batch_is_normalised_as_a_whole(name):
    config = importlib.import_module(f"futurepred_jax.configs.{name}").get_config("debug")
    config.train.accumulate = 2
    with pytest.raises(ValueError, match=r"train\.accumulate 2 with a motion network.*must be 1"):
        factory.abstract_job(config)
