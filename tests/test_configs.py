"""Every config makes a training whose step fits together, at the size that it states."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from futurepred_jax import factory, modes
from futurepred_jax.configs import NAMES, baseline, both_pathways, joint_i3d, shared, slowfast
from futurepred_jax.factory import models, pathways
from futurepred_jax.models.transformer import Conditioning
from futurepred_jax.training.state import initial_state
from futurepred_jax.training.step import make_train_step
from futurepred_jax.training.summary import count_modules, parameter_table
from futurepred_jax.weights import save_weights

MODULES = {name: __import__(f"futurepred_jax.configs.{name}", fromlist=["get_config"]) for name in NAMES}
WATCHING = (joint_i3d, slowfast, both_pathways)
JOINT_BASE = 44.96e6  # with I3D's published size, without its head and a discriminator


@pytest.mark.parametrize("name", NAMES)
def test_a_step_of_every_config_maps_the_state_to_one_of_its_kind(name):
    job = factory.abstract_job(MODULES[name].get_config("debug"))
    batch = job.train_source.batch(np.arange(job.batch_size))
    batch = {field: batch[field] for field in job.batch_keys or batch}
    state = jax.eval_shape(lambda key: initial_state(job.init, job.optimizer, key, ema=False), jax.random.key(0))
    step = make_train_step(job.loss, job.optimizer, ema_decay=0.0)
    after, metrics = jax.eval_shape(step, state, batch, jax.random.key(0))
    shape = lambda leaf: (leaf.shape, leaf.dtype)  # noqa: E731
    assert jax.tree.map(shape, after) == jax.tree.map(shape, state)
    assert all(value.shape == () for value in metrics.values())
    scores = jax.eval_shape(job.validate, state.params, state.model_state, batch)
    assert {"loss"} <= set(scores)
    assert job.flops_per_step > 0


@pytest.mark.parametrize("name", [name for name in NAMES if name != "magvit_v1"])  # as published, in float32
@pytest.mark.parametrize("preset", shared.PRESETS)
def test_presets_for_accelerators_compute_in_bfloat16_in_every_part(name, preset):
    config = MODULES[name].get_config(preset)
    parts = [config, *(config[part].config for part in ("tokenizer", "outlook") if part in config)]
    parts += [each.config for each in config.get("pathways", {}).values()]
    half = {part.name: part.model.get("dtype", "float32") == "bfloat16" for part in parts}
    assert set(half.values()) == {preset in ("base", "large")}, half


def _counts(config) -> dict[str, int]:
    """Parameters of each part of a predictor."""
    data, magvit = config.data, factory.make_magvit(factory.tokenizer_config(config))
    transformer, watching = factory.make_transformer(config, magvit), None
    outlook = factory.make_outlook(factory.outlook_config(config), magvit)
    if "pathways" in config:
        watching = factory.make_pathways(config, magvit)

    def init(key):
        video = jnp.zeros((1, data.frames, data.size, data.size, 3))
        parts, memory = {"tokenizer": magvit.init(key, video)}, None
        if watching:
            memory, parts["pathways"] = watching.init_with_output(key, video[:, : data.context_frames])
        tokens = jnp.zeros((1, int(np.prod(transformer.grid)), len(transformer.sizes)), int)
        guess, _ = outlook.init_with_output(key, video[:, : data.context_frames])
        parts["transformer"] = transformer.init(key, tokens, Conditioning(memory, guess))
        return {name: variables["params"] for name, variables in parts.items()}

    return count_modules(parameter_table(jax.eval_shape(init, jax.random.key(0))))


def test_the_largest_joint_model_has_its_stated_size():
    counts = _counts(joint_i3d.get_config("base"))
    assert counts["total"] == pytest.approx(JOINT_BASE, rel=0.02)
    assert set(counts) == {"tokenizer", "pathways", "transformer", "total"}


def test_a_baseline_of_as_many_parameters_is_a_matter_of_two_fields():
    ours, theirs = _counts(slowfast.get_config("tiny")), baseline.get_config("tiny")
    theirs.model.update({"depth": 8, "width": 192, "heads": 6})
    assert _counts(theirs)["total"] == pytest.approx(ours["total"], rel=0.1)


@pytest.mark.parametrize("module", WATCHING)
def test_an_override_of_the_data_reaches_tokenizer_and_pathway(module):
    config = module.get_config("debug")
    config.data.size = 48
    networks = list(factory.pathway_configs(config).values())
    parts = (factory.tokenizer_config(config), factory.outlook_config(config), *networks)
    assert {part.data.size for part in parts} == {48}
    assert {tuple(network.data.objects) for network in networks} == {(1, 1)}
    assert tuple(config.data.objects) == (2, 6)


@pytest.mark.parametrize("module", WATCHING)
@pytest.mark.parametrize("preset", shared.PRESETS)
def test_configs_with_a_pathway_differ_from_the_baseline_in_few_fields(module, preset):
    ours, theirs = (config.get_config(preset).to_dict() for config in (module, baseline))
    changed = {section for section in ours if ours[section] != theirs.get(section)}
    assert changed <= {"name", "kind", "pathways", "model", "objective", "train"}
    assert {field for field in ours["model"] if ours["model"][field] != theirs["model"].get(field)} == {"cross"}
    assert {field for field in ours["train"] if ours["train"][field] != theirs["train"].get(field)} == {"rates"}


@pytest.mark.parametrize("init", ["", "kinetics"])
def test_a_config_that_does_not_say_what_it_starts_from_is_refused_with_the_choices(init, tmp_path):
    config = slowfast.get_config("debug")
    config.pathways.slowfast.init = init
    with pytest.raises(ValueError, match=r"pathways\.slowfast\.init.*pretrained.*published.*random"):
        modes.train_model(config, tmp_path / "slowfast-debug")
    assert not list(tmp_path.iterdir())


def test_published_weights_that_are_not_there_are_an_error_that_says_how_to_make_them(tmp_path):
    config = slowfast.get_config("debug")
    config.pathways.slowfast.init = "published"
    network = models.make_network(config.pathways.slowfast.config)
    with pytest.raises(ValueError, match=r"pathways\.slowfast\.weights.*weights\.convert"):
        factory.network_start("slowfast", config, tmp_path, network)


def test_published_weights_start_a_network_and_leave_its_head_behind(tmp_path):
    config = joint_i3d.get_config("debug")
    section = config.pathways.i3d
    section.update({"init": "published", "weights": str(tmp_path / "i3d.npz")})
    inner = section.config
    shapes = pathways.variable_shapes(inner, models.make_network(inner, num_classes=7))
    whole = jax.tree.map(lambda leaf: np.random.default_rng(0).normal(size=leaf.shape).astype(np.float32), shapes)
    save_weights(section.weights, whole, {})
    start = factory.network_start("i3d", config, tmp_path, models.make_network(inner))
    assert start is not None
    body = {name: part for name, part in whole["params"].items() if name != "head"}
    jax.tree.map(np.testing.assert_array_equal, start, {"params": body, "batch_stats": whole["batch_stats"]})


@pytest.mark.parametrize("context", [0, 9])
def test_a_clip_without_a_past_or_a_future_is_refused_before_anything_is_trained(context, tmp_path):
    config = MODULES["baseline"].get_config("debug")
    config.data.context_frames = context
    with pytest.raises(ValueError, match=rf"context_frames {context} of 9 frames: some are seen, others predicted"):
        modes.train_model(config, tmp_path / "baseline-debug")
    assert not list(tmp_path.iterdir())


def test_fields_of_another_quantizer_or_optimizer_are_named():
    config = MODULES["tokenizer"].get_config("debug")
    config.train.optimizer = "adamw"
    with pytest.raises(ValueError, match=r"config\.train, for adamw, does not take adam_learning_rate"):
        factory.abstract_job(config)
    config.model.quantizer.name = "fsq"
    with pytest.raises(ValueError, match=r"quantizer, for FSQ, needs levels and does not take codebook_size, "):
        factory.make_magvit(config)


def test_an_unknown_network_lists_the_known():
    config = slowfast.get_config("debug").pathways.slowfast.config
    config.model.name = "c3d"
    with pytest.raises(ValueError, match=r"'c3d': known are i3d, slowfast"):
        models.make_network(config)


@pytest.mark.parametrize("name", NAMES)
def test_every_config_has_the_sections_that_modes_read(name):
    assert set(shared.surroundings("debug")) <= set(MODULES[name].get_config("debug"))


def test_a_motion_network_is_trained_and_scored_by_itself(tmp_path):
    config = MODULES["classification"].get_config("debug")
    config.storage.clips = str(tmp_path / "clips")
    config.data.train_clips = 16
    config.train.steps, config.train.warmup_steps, config.train.batch_size = 2, 1, 8
    config.logging.val_batches, config.evaluation.clips = 1, 8
    modes.run_all(config, tmp_path / "classification-i3d-debug")
    found = json.loads((tmp_path / "classification-i3d-debug" / "evaluation.json").read_text())
    assert set(found["splits"]["test_iid"]["scores"]["classifier"]) == {"family_accuracy", "shape_accuracy"}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["slowfast", "joint_i3d", "both_pathways"])
def test_a_short_run_with_a_pathway_goes_from_nothing_to_its_report(name, tmp_path):
    config = MODULES[name].get_config("debug")
    config.storage.clips = str(tmp_path / "clips")
    outlook = factory.outlook_config(config)
    for part in (config, outlook, factory.tokenizer_config(config), *factory.pathway_configs(config).values()):
        part.train.steps, part.train.warmup_steps, part.train.batch_size = 20, 2, 8
        part.logging.val_batches = 2
    config.gate = outlook.gate = {}
    workdir = tmp_path / "runs" / name
    modes.run_all(config, workdir)
    split = json.loads((workdir / "evaluation.json").read_text())["splits"]["test_iid"]
    assert set(split["gates"]) == {"gate_0", "gate_1"}
    assert all(split["gates"].values())
    assert {"psnr", "bits_per_token"} <= set(split["margins"]["shuffled_pathway"])
    parts = {"transformer", "pathways"} | ({"tokenizer"} if name == "joint_i3d" else set())
    assert set(json.loads((workdir / "summary.json").read_text())["parameters"]) == {*parts, "total"}
    assert (workdir / "report" / "index.html").exists()
