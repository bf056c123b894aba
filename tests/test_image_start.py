"""A tokenizer of videos starts as a trained one of images, if its config says so and the two are of one model."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from filled import filled
from untrained import save

from futurepred_jax import factory
from futurepred_jax.configs import baseline, image_tokenizer, tokenizer
from futurepred_jax.factory.assets import AbstractAssets
from futurepred_jax.factory.images import inflated_image
from futurepred_jax.factory.jobs import tokenizer_job
from futurepred_jax.training import identity

FRAME = jnp.asarray(np.random.default_rng(0).uniform(-1, 1, (2, 1, 32, 32, 3)), jnp.float32)


@pytest.fixture
def image(tmp_path):
    """The workdir of a tokenizer of images, with weights at random."""
    config = image_tokenizer.get_config("debug")
    shapes = jax.eval_shape(factory.make_magvit(config).init, jax.random.key(0), FRAME)
    weights = dict(filled(shapes))
    save(tmp_path / "image", config, weights.pop("params"), weights)
    return tmp_path / "image"


def test_it_draws_a_frame_as_the_images_tokenizer_did(image):
    config = tokenizer.get_config("debug")
    config.init.image = str(image)
    drawn, quantized = jax.jit(factory.make_magvit(config).apply)(inflated_image(config), FRAME)
    before = factory.load_tokenizer(image_tokenizer.get_config("debug"), image)
    np.testing.assert_array_equal(quantized.tokens, before.tokenize(FRAME))
    np.testing.assert_allclose(drawn.clip(-1, 1), before.reconstruct(FRAME), atol=1e-5)


def test_a_training_begins_with_it(image):
    config = tokenizer.get_config("debug")
    config.init.image = str(image)
    assets = AbstractAssets(config)
    assets.inflated = inflated_image(config)
    params, state = tokenizer_job(config, assets).init(jax.random.key(0))
    jax.tree.map(np.testing.assert_array_equal, {"params": params, **state}, assets.inflated)


def test_another_model_is_refused_with_what_differs(image):
    config = tokenizer.get_config("debug")
    config.init.image, config.model.channels, config.model.quantizer.dim = str(image), (32,), 8
    with pytest.raises(
        ValueError, match=r"model\.channels: \[32\], there \[64\]\n.*quantizer\.dim: 8, there 16"
    ) as refused:
        inflated_image(config)
    assert "Train configs/image_tokenizer.py with the same model" in str(refused.value)


def test_a_workdir_of_videos_or_of_nothing_is_refused(image):
    config = tokenizer.get_config("debug")
    config.init.image = str(image.parent / "video")
    with pytest.raises(ValueError, match=r"no config.json in .*video: train there first"):
        inflated_image(config)
    identity.claim(image.parent / "video", tokenizer.get_config("debug").to_dict())
    with pytest.raises(ValueError, match=r"model\.name: image_magvit, there absent"):
        inflated_image(config)


def test_what_a_tokenizer_starts_from_decides_what_is_trained():
    config, random = tokenizer.get_config("debug"), tokenizer.get_config("debug")
    config.init.image = "runs/image"
    assert identity.differences(config.to_dict(), random.to_dict()) == ["init.image: runs/image, there absent"]
    before = {name: section for name, section in random.to_dict().items() if name != "init"}
    assert not identity.differences(random.to_dict(), before)  # a workdir of before there was the choice


def test_no_predictor_is_trained_on_images():
    config = baseline.get_config("debug")
    config.tokenizer.config = image_tokenizer.get_config("debug")
    with pytest.raises(ValueError, match=r"image_magvit is for reconstruction only: .* init\.image"):
        factory.tokenizer_config(config)
