"""Both forms of convolution agree, and nothing sees the future."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from futurepred_jax.models.cpu import conv3d_of_2d, matmul_of_rows, max_of_taps
from futurepred_jax.models.layers import (
    CausalConv,
    LayerNorm,
    Norm,
    ResBlock,
    conv3d,
    conv3d_native,
    depth_to_space,
    matmul,
    space_to_depth,
)

CASES = [
    (12, (3, 3, 3), (1, 1, 1), ((0, 0), (1, 1), (1, 1))),
    (3, (3, 3, 3), (1, 1, 1), ((0, 0), (1, 1), (1, 1))),
    (3, (2, 3, 3), (2, 2, 2), ((1, 0), (0, 1), (0, 1))),
    (12, (3, 1, 1), (1, 1, 1), ((1, 1), (0, 0), (0, 0))),
    (3, (3, 1, 1), (2, 1, 1), ((1, 1), (0, 0), (0, 0))),
    (3, (3, 1, 1), (1, 1, 1), ((0, 0), (1, 0), (0, 0))),
    (3, (1, 4, 3), (1, 2, 1), ((0, 0), (1, 1), (1, 1))),
    (3, (1, 1, 1), (2, 2, 1), ((0, 0), (0, 0), (0, 0))),
    (3, (1, 2, 2), (1, 2, 3), ((0, 0), (1, 0), (0, 1))),
]
POOLS = [
    ((1, 3, 3), (1, 2, 2), ((0, 0), (1, 1), (1, 1))),
    ((2, 1, 1), (2, 1, 1), ((0, 0), (0, 0), (0, 0))),
    ((3, 3, 3), (1, 1, 1), ((1, 1), (0, 1), (1, 0))),
]


def _video(t: int = 5, c: int = 3):
    return jax.random.normal(jax.random.key(0), (2, t, 6, 4, c))


def _agree(forms, *inputs):
    """Forward and backward."""

    def both(form, inputs):
        out, back = jax.vjp(form, *inputs)
        return out, *back(jnp.cos(jnp.arange(out.size)).reshape(out.shape))

    for theirs, ours in zip(*jax.jit(lambda inputs: [both(form, inputs) for form in forms])(inputs), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("channels", "window", "strides", "pads"), CASES)
def test_convolution_of_two_dimensions_is_the_native_one(channels, window, strides, pads):
    kernel = jax.random.normal(jax.random.key(1), (*window, channels, 4)) / 5
    forms = [partial(form, strides=strides, pads=pads) for form in (conv3d_native, conv3d_of_2d)]
    _agree(forms, _video(c=channels), kernel)


def test_a_gradient_s_gradient_is_the_native_one_for_pixels_too():
    """A discriminator that is held to small gradients asks for it."""
    how = {"strides": (1, 2, 2), "pads": ((0, 0), (1, 1), (1, 1))}
    kernel = jax.random.normal(jax.random.key(1), (3, 3, 3, 3, 4)) / 5

    def steepness(form, video, kernel):
        return (jax.grad(lambda video: jnp.square(form(video, kernel, **how)).sum())(video) ** 2).mean()

    _agree([partial(steepness, form) for form in (conv3d_native, conv3d_of_2d)], _video(), kernel)


@pytest.mark.parametrize(("window", "strides", "pads"), POOLS)
def test_maxima_of_taps_are_those_of_windows(window, strides, pads):
    native = partial(nn.max_pool, window_shape=window, strides=strides, padding=pads)
    taps = partial(max_of_taps, window=window, strides=strides, pads=pads)
    _agree([native, taps], _video() - 5)  # below the zeros of a wrong padding


@pytest.mark.parametrize("shape", [(5,), (2, 5), (2, 3, 4, 5)])
def test_a_matmul_of_rows_is_that_of_all_axes(shape):
    matrix = jax.random.normal(jax.random.key(1), (5, 6))
    _agree((matmul_of_rows, jnp.matmul), jax.random.normal(jax.random.key(0), shape), matrix)


def test_a_product_of_halves_may_come_out_whole():
    x, matrix = jnp.full((2, 3, 5), 1.01, jnp.bfloat16), jnp.full((5, 6), 1.01, jnp.bfloat16)
    assert matmul(x, matrix).dtype == jnp.bfloat16
    whole = matmul(x, matrix, jnp.float32)
    np.testing.assert_allclose(whole, 5 * np.float32(x[0, 0, 0]) ** 2, rtol=1e-6)


@pytest.mark.parametrize(("side", "count"), [(2, 0), (4, 1)])
def test_no_two_dimensional_convolution_has_a_window_larger_than_what_comes_out(side, count):
    form = partial(conv3d_of_2d, strides=(1, 1, 1), pads=((0, 0), (1, 1), (1, 1)))
    text = jax.jit(form).lower(jnp.zeros((1, 2, side, side, 4)), jnp.zeros((1, 3, 3, 4, 4))).as_text()
    assert text.count("stablehlo.convolution") == count


@pytest.mark.parametrize(("platform", "count"), [("cpu", 3), ("tpu", 1), ("cuda", 1)])
def test_a_program_has_the_form_of_the_platform_that_it_is_for(platform, count):
    kernel = jnp.zeros((3, 3, 3, 6, 4))
    traced = jax.jit(conv3d, static_argnums=(2, 3)).trace(_video(c=6), kernel, (1, 1, 1), ((0, 0), (1, 1), (1, 1)))
    assert traced.lower(lowering_platforms=(platform,)).as_text().count("stablehlo.convolution") == count


@pytest.mark.parametrize("layer", [CausalConv(4), Norm(), ResBlock(4), ResBlock(4, ((1, 3, 3), (3, 1, 1)))])
def test_layers_are_causal_and_take_one_frame(layer):
    video = _video(c=4)
    variables = layer.init(jax.random.key(1), video)
    apply = jax.jit(layer.apply)
    before, after = (apply(variables, v) for v in (video, video.at[:, 3:].set(7.0)))
    np.testing.assert_array_equal(before[:, :3], after[:, :3])
    assert layer.apply(variables, video[:, :1]).shape == (2, 1, 6, 4, 4)


def test_layer_normalisation_is_flax_s_and_its_gradients_too():
    theirs, ours = nn.LayerNorm(epsilon=1e-6), LayerNorm()
    params = {"scale": jnp.array([1.0, -2.0, 0.5]), "bias": jnp.array([0.1, 0.0, -3.0])}
    jax.tree.map(np.testing.assert_array_equal, *(each.init(jax.random.key(0), _video()) for each in (theirs, ours)))
    forms = [
        lambda scale, bias, video, each=each: each.apply({"params": {"scale": scale, "bias": bias}}, video)
        for each in (theirs, ours)
    ]
    _agree(forms, params["scale"], params["bias"], 3 * _video() + 1)


@pytest.mark.parametrize("frames", [1, 5])
@pytest.mark.parametrize("patch", [(1, 2, 2), (2, 2, 2), (4, 1, 2)])
def test_unfolding_is_the_inverse_of_folding(frames, patch):
    folded = space_to_depth(_video(frames), patch)
    assert folded.shape[1] == 1 + (frames - 1) // patch[0]
    np.testing.assert_array_equal(depth_to_space(folded, patch), _video(frames))
