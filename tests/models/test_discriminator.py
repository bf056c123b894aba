"""The discriminator halves every axis to its end and sees the whole clip."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from futurepred_jax.models.discriminator import Discriminator, halved

SMALL = Discriminator(4, (2, 2))


def test_a_full_size_discriminator_takes_clips_of_odd_length():
    clip = jax.ShapeDtypeStruct((2, 17, 128, 128, 3), jnp.float32)
    logits, variables = jax.eval_shape(Discriminator().init_with_output, jax.random.key(0), clip)
    assert logits.shape == (2,)
    shapes = {name: part["kernel"].shape for name, part in variables["params"].items() if name.startswith("Dense")}
    assert shapes == {"Dense_0": (2 * 8 * 8 * 256, 256), "Dense_1": (256, 1)}  # 17 → 9 → 5 → 3 → 2 frames


@pytest.mark.parametrize(("size", "want"), [(4, [0.5, 2.5]), (5, [0.5, 2.5, 4.0]), (1, [0.0])])
def test_halving_takes_means_and_an_odd_one_alone(size, want):
    video = jnp.arange(float(size)).reshape(1, size, 1, 1, 1)
    np.testing.assert_allclose(halved(video).ravel(), want)


@pytest.mark.slow
def test_every_frame_and_corner_counts():
    video = jax.random.normal(jax.random.key(0), (1, 5, 8, 8, 3))
    params = SMALL.init(jax.random.key(1), video)
    slope = jax.jit(jax.grad(lambda video: SMALL.apply(params, video).sum()))(video)  # pyright: ignore
    assert jnp.all(jnp.any(slope != 0, axis=-1))
