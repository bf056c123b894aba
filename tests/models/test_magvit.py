"""The tokenizer sees no future, and says which clips it takes."""
# pyright: reportAttributeAccessIssue=false, reportArgumentType=false
# Module.apply is typed as a union with the mutable case, which these tests do not use

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from futurepred_jax.models.magvit import MagVit
from futurepred_jax.models.quantizers import VQ

MODEL = MagVit(channels=(8, 8), blocks=(0, 1), strides=((2, 4, 4), (2, 1, 1)), quantizer=VQ(32, 4))


@pytest.fixture(scope="module")
def variables():
    return jax.jit(MODEL.init)(jax.random.key(0), jnp.zeros((1, 9, 8, 8, 3)))


def _video(frames: int = 9):
    return jax.random.uniform(jax.random.key(1), (2, frames, 8, 8, 3), minval=-1, maxval=1)


def test_context_tokens_do_not_depend_on_the_future(variables):
    encode = jax.jit(lambda video: MODEL.apply(variables, video, method="encode"))
    before = encode(_video())
    after = encode(_video().at[:, 5:].multiply(-1))
    np.testing.assert_array_equal(before[:, :2], after[:, :2])
    assert jnp.any(before[:, 2] != after[:, 2])


@pytest.mark.parametrize("frames", [1, 5])
def test_drawings_have_the_clips_shape(variables, frames):
    tokens = MODEL.apply(variables, _video(frames), method="encode")
    assert tokens.shape == (2, *MODEL.grid(frames, 8, 8))
    video = MODEL.apply(variables, tokens, method="decode")
    assert video.shape == (2, frames, 8, 8, 3)
    assert jnp.abs(video).max() <= 1


@pytest.mark.parametrize(
    ("shape", "rule"),
    [((6, 8, 8), r"6 frames: MagVit needs 1 \+ 4k, such as 5"), ((5, 6, 8), "6×8 .*4×4"), ((5, 8, 9), "8×9 .*4×4")],
)
def test_other_clips_are_refused_with_the_rule(variables, shape, rule):
    with pytest.raises(ValueError, match=rule):
        MODEL.apply(variables, jnp.zeros((1, *shape, 3)), method="encode")
    with pytest.raises(ValueError, match=rule):
        MODEL.grid(*shape)
