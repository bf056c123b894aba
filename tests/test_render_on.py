"""A training whose clips are drawn inside its step is the training on the host's clips."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from futurepred_jax import factory
from futurepred_jax.configs import classification, tokenizer
from futurepred_jax.factory.drawing import on_blueprints
from futurepred_jax.objectives.loss import Loss
from futurepred_jax.training.state import initial_state
from futurepred_jax.training.step import make_train_step

QUICK = {"xla_backend_optimization_level": "0", "xla_llvm_disable_expensive_passes": True}  # to compile


def small(folder, place, module=tokenizer):
    config = module.get_config("debug")
    config.data.update({"size": 16, "frames": 5, "context_frames": 1, "level": "heavy", "render_on": place})
    config.data.train_clips = config.evaluation.clips = 8
    config.train.batch_size, config.logging.val_batches, config.storage.clips = 8, 1, str(folder / "clips")
    return config


def step_of(config, folder):
    """Parameters after one step of plain gradient descent, and its metrics."""
    job = factory.make_job(config, folder)
    batch = job.train_source.batch(np.arange(8))
    batch = {name: batch[name] for name in job.batch_keys or batch}
    state = jax.jit(lambda key: initial_state(job.init, optax.sgd(0.1), key, ema=False))(jax.random.key(0))
    step = jax.jit(make_train_step(job.loss, optax.sgd(0.1), ema_decay=0.0), compiler_options=QUICK)
    after, metrics = step(state, batch, jax.random.key(1))
    return state.params, after.params, metrics


@pytest.mark.slow
def test_a_tokenizer_s_step_on_the_device_s_clips_is_that_on_the_host_s(tmp_path):
    start, host, said = step_of(small(tmp_path, "host"), tmp_path)
    _, ours, metrics = step_of(small(tmp_path, "device"), tmp_path)
    assert float(metrics["loss"]) == pytest.approx(float(said["loss"]), rel=1e-3)
    moved = optax.tree.norm(optax.tree.sub(host, start))
    assert float(optax.tree.norm(optax.tree.sub(ours, host))) < 0.01 * float(moved)
    assert float(moved) > 0


def mask_from_colour(params, model_state, batch, *, key, step):
    """The smallest objective: objects from the colours of the noisy video, and the video from the noisy one."""
    noisy, video = batch["noisy"] / 255, batch["video"] / 255
    error = jnp.square(noisy @ params["mask"] - (batch["instance"] > 0)).mean()
    error += jnp.square(params["gain"] * noisy - video).mean() + 0.0 * batch["family"].sum()
    return Loss(error, model_state, {})


def test_a_step_on_the_device_s_clips_is_the_step_on_the_host_s(tmp_path):
    params, after = {"mask": jnp.zeros(3), "gain": jnp.ones(())}, {}
    for place, loss in (("host", mask_from_colour), ("device", on_blueprints(mask_from_colour, samples=2))):
        config = small(tmp_path, place)
        source = factory.make_job(config, tmp_path).train_source
        batch = {"family": np.zeros((8, 1)), **source.batch(np.arange(8))}
        state = initial_state(lambda _: (params, {}), optax.sgd(0.1), jax.random.key(0), ema=False)
        step = jax.jit(make_train_step(loss, optax.sgd(0.1), ema_decay=0.0), compiler_options=QUICK)
        after[place] = step(state, batch, jax.random.key(1))
    (host, said), (ours, metrics) = after["host"], after["device"]
    assert float(metrics["loss"]) == pytest.approx(float(said["loss"]), rel=1e-3)
    assert float(optax.tree.norm(optax.tree.sub(host.params, params))) > 0.01
    np.testing.assert_allclose(ours.params["mask"], host.params["mask"], atol=1e-4)
    np.testing.assert_allclose(ours.params["gain"], host.params["gain"], atol=1e-4)


@pytest.mark.parametrize("module", [tokenizer, classification])
def test_what_is_compiled_ahead_takes_the_blueprints_that_a_training_reads(tmp_path, module):
    config = small(tmp_path, "device", module)
    outline, job = factory.abstract_job(config), factory.make_job(config, tmp_path)
    assert not (tmp_path / "clips").exists()  # nothing is drawn before the step
    blank, real = (each.train_source.batch(np.arange(2)) for each in (outline, job))
    for name in job.batch_keys or ():
        assert (blank[name].shape, blank[name].dtype) == (real[name].shape, real[name].dtype), name
    assert outline.batch_keys == job.batch_keys


def test_an_unknown_place_and_recorded_clips_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"render_on 'moon': known are host, device"):
        factory.make_job(small(tmp_path, "moon"), tmp_path)
    config = small(tmp_path, "device")
    config.data.source = "files:videos"
    with pytest.raises(ValueError, match="files:videos is recorded, only clutter is drawn"):
        factory.make_job(config, tmp_path)
