"""Both forms of convolution agree, and nothing sees the future."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from futurepred_jax.models.layers import (
    CausalConv,
    Norm,
    ResBlock,
    conv3d_native,
    conv3d_of_2d,
    depth_to_space,
    space_to_depth,
)

CASES = [
    ((3, 3, 3), (1, 1, 1), ((0, 0), (1, 1), (1, 1))),
    ((2, 3, 3), (2, 2, 2), ((1, 0), (0, 1), (0, 1))),
    ((3, 1, 1), (2, 1, 1), ((1, 1), (0, 0), (0, 0))),
    ((3, 1, 1), (1, 1, 1), ((0, 0), (1, 0), (0, 0))),
    ((1, 4, 3), (1, 2, 1), ((0, 0), (1, 1), (1, 1))),
    ((1, 1, 1), (2, 2, 1), ((0, 0), (0, 0), (0, 0))),
]


def _video(t: int = 5, c: int = 3):
    return jax.random.normal(jax.random.key(0), (2, t, 6, 4, c))


@pytest.mark.parametrize(("window", "strides", "pads"), CASES)
def test_two_dimensional_form_is_the_native_one_forward_and_backward(window, strides, pads):
    kernel = jax.random.normal(jax.random.key(1), (*window, 3, 4)) / 5

    def run(form):
        out, back = jax.vjp(lambda v, k: form(v, k, strides, pads), _video(), kernel)
        return out, *back(jnp.cos(jnp.arange(out.size)).reshape(out.shape))

    for native, ours in zip(jax.jit(lambda: run(conv3d_native))(), jax.jit(lambda: run(conv3d_of_2d))(), strict=True):
        np.testing.assert_allclose(ours, native, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("layer", [CausalConv(4), Norm(), ResBlock(4), ResBlock(4, ((1, 3, 3), (3, 1, 1)))])
def test_layers_are_causal_and_take_one_frame(layer):
    video = _video(c=4)
    variables = layer.init(jax.random.key(1), video)
    apply = jax.jit(layer.apply)
    before, after = (apply(variables, v) for v in (video, video.at[:, 3:].set(7.0)))
    np.testing.assert_array_equal(before[:, :3], after[:, :3])
    assert layer.apply(variables, video[:, :1]).shape == (2, 1, 6, 4, 4)


@pytest.mark.parametrize("frames", [1, 5])
@pytest.mark.parametrize("patch", [(1, 2, 2), (2, 2, 2), (4, 1, 2)])
def test_unfolding_is_the_inverse_of_folding(frames, patch):
    folded = space_to_depth(_video(frames), patch)
    assert folded.shape[1] == 1 + (frames - 1) // patch[0]
    np.testing.assert_array_equal(depth_to_space(folded, patch), _video(frames))
