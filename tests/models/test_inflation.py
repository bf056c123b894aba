"""A tokenizer of images, inflated, draws one frame as before, and a still clip as that frame throughout."""
# pyright: reportAttributeAccessIssue=false, reportArgumentType=false
# Module.apply is typed as a union with the mutable case, which these tests do not use

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from futurepred_jax.models.inflation import image_tokenizer, inflate
from futurepred_jax.models.magvit import MagVit
from futurepred_jax.models.quantizers import VQ

VIDEO = MagVit(channels=(6, 8), blocks=(1, 1), strides=((1, 2, 2), (4, 2, 2)), quantizer=VQ(32, 4))


@pytest.fixture(scope="module", params=[True, pytest.param(False, marks=pytest.mark.slow)], ids=["factorised", "full"])
def pair(request):
    """A video tokenizer, the image tokenizer that it is made from, and the latter's variables, no bias at zero."""
    video = VIDEO.clone(factorised=request.param)
    image = image_tokenizer(video)
    variables = jax.jit(image.init)(jax.random.key(0), jnp.zeros((1, 1, 8, 8, 3)))
    rng = np.random.default_rng(0)
    return (
        video,
        image,
        jax.tree.map(lambda leaf: leaf + 0.1 * rng.normal(size=leaf.shape).astype(np.float32), variables),
    )


def _frame():
    return jax.random.uniform(jax.random.key(1), (2, 1, 8, 8, 3), minval=-1)


def test_one_frame_has_the_same_tokens_and_the_same_drawing(pair):
    video, image, variables = pair
    drawn, quantized = jax.jit(image.apply)(variables, _frame())
    again, inflated = jax.jit(video.apply)(inflate(variables, video), _frame())
    np.testing.assert_array_equal(inflated.tokens, quantized.tokens)
    np.testing.assert_allclose(again, drawn, atol=1e-5)
    assert jnp.std(drawn) > 0.05


def test_a_still_clip_is_drawn_as_its_frame_throughout(pair):
    video, image, variables = pair
    drawn, _ = jax.jit(image.apply)(variables, _frame())
    clip, _ = jax.jit(video.apply)(inflate(variables, video), _frame().repeat(5, axis=1))
    np.testing.assert_allclose(clip, jnp.broadcast_to(drawn, clip.shape), atol=1e-5)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"channels": (6, 10)}, r"params/decoder/.* makes .*, not .*params/encoder/.* makes "),
        ({"blocks": (1, 2)}, r"params/encoder/stage_1_1/.* is missing"),
        ({"blocks": (1, 0)}, r"params/encoder/stage_1_0/.* is left over"),
    ],
)
def test_another_image_tokenizer_is_refused_by_all_parts_that_do_not_fit(pair, changes, said):
    video, _, variables = pair
    with pytest.raises(ValueError, match=said):
        inflate(variables, video.clone(**changes))


def test_frames_of_a_clip_know_nothing_of_each_other(pair):
    _, image, variables = pair
    clip = jax.random.uniform(jax.random.key(2), (2, 3, 8, 8, 3), minval=-1)
    drawn, quantized = jax.jit(image.apply)(variables, clip)
    alone, one = jax.jit(image.apply)(variables, clip[:, 2:])
    np.testing.assert_array_equal(quantized.tokens[:, 2:], one.tokens)
    np.testing.assert_allclose(drawn[:, 2:], alone, atol=1e-5)
    assert image.grid(3, 8, 8) == quantized.tokens.shape[1:4]
    with pytest.raises(ValueError, match="leave time alone"):
        image.clone(strides=((1, 2, 2), (4, 2, 2))).grid(5, 8, 8)
