"""A training whose clips are drawn inside its step is the training on the host's clips."""

import jax
import numpy as np
import optax
import pytest

from futurepred_jax import factory
from futurepred_jax.configs import classification, tokenizer
from futurepred_jax.training.state import initial_state
from futurepred_jax.training.step import make_train_step


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
    step = jax.jit(make_train_step(job.loss, optax.sgd(0.1), ema_decay=0.0))
    after, metrics = step(state, batch, jax.random.key(1))
    return state.params, after.params, metrics


def test_a_step_on_the_device_s_clips_is_the_step_on_the_host_s(tmp_path):
    start, host, said = step_of(small(tmp_path, "host"), tmp_path)
    _, ours, metrics = step_of(small(tmp_path, "device"), tmp_path)
    assert float(metrics["loss"]) == pytest.approx(float(said["loss"]), rel=1e-3)
    moved = optax.tree.norm(optax.tree.sub(host, start))
    assert float(optax.tree.norm(optax.tree.sub(ours, host))) < 0.01 * float(moved)
    assert float(moved) > 0


@pytest.mark.parametrize("module", [tokenizer, classification])
def test_what_is_compiled_ahead_takes_the_blueprints_that_a_training_reads(tmp_path, module):
    config = small(tmp_path, "device", module)
    outline, job = factory.outline_job(config), factory.make_job(config, tmp_path)
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
