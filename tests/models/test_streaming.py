"""A clip in chunks is the clip at once."""
# pyright: reportArgumentType=false, reportCallIssue=false

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from filled import filled

from futurepred_jax.models import streaming
from futurepred_jax.models.layers import PAST, CausalConv
from futurepred_jax.models.magvit import MagVit
from futurepred_jax.models.quantizers import FSQ, VQ

SHALLOW = MagVit(channels=(8,), blocks=(1,), strides=((4, 4, 4),), quantizer=VQ(32, 4), local=True)
DEEP = MagVit(channels=(4, 8), blocks=(0, 1), strides=((2, 2, 2), (2, 2, 2)), quantizer=FSQ((8, 8)))
FULL = DEEP.clone(factorised=False)


def variables_of(model: MagVit):
    return filled(jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, 5, 8, 8, 3))))


def video_of(frames: int):
    return jax.random.uniform(jax.random.key(1), (2, frames, 8, 8, 3), minval=-1, maxval=1)


@pytest.mark.parametrize(
    ("model", "frames", "chunk"),
    [(SHALLOW, 17, 2), (DEEP, 17, 2), (DEEP, 33, 4), (DEEP, 1, 4), pytest.param(FULL, 129, 16, marks=pytest.mark.slow)],
)
def test_a_clip_in_chunks_has_the_tokens_and_the_drawing_of_the_whole(model, frames, chunk):
    variables, video = variables_of(model), video_of(frames)
    whole = jax.jit(lambda video: model.apply(variables, video, method="encode"))(video)
    drawn = jax.jit(lambda tokens: model.apply(variables, tokens, method="decode"))(whole)
    tokens = streaming.encode(model, variables, video, chunk=chunk)
    assert np.mean(np.asarray(tokens == whole)) >= 0.9999
    assert len(np.unique(np.asarray(whole))) > 3
    assert drawn.shape == video.shape
    np.testing.assert_allclose(streaming.decode(model, variables, whole, chunk=chunk), drawn, atol=1e-5)


@pytest.mark.parametrize("border", [17, pytest.param(65, marks=pytest.mark.slow)])
def test_latents_in_chunks_are_those_of_the_whole(border):
    variables, video = variables_of(FULL), video_of(2 * border - 1)

    @jax.jit
    def latents(video, past=None):
        state = {} if past is None else {PAST: past}
        encode = lambda model, video: model.encoder(video, first=past is None)  # noqa: E731
        out, kept = FULL.apply({**variables, **state}, video, method=encode, mutable=[PAST])
        return out, kept[PAST]

    whole, _ = latents(video)
    before, past = latents(video[:, :border])
    after, _ = latents(video[:, border:], past)
    np.testing.assert_allclose(jnp.concatenate([before, after], axis=1), whole, atol=1e-5)
    alone, _ = latents(video[:, border - 1 :])
    assert jnp.abs(alone[:, 1:] - after).max() > 0.01  # the frames before do matter


def test_clips_of_a_wrong_length_are_refused_as_at_once():
    with pytest.raises(ValueError, match=r"6 frames: MagVit needs 1 \+ 4k, such as 5"):
        streaming.encode(DEEP, variables_of(DEEP), video_of(6))


@pytest.mark.parametrize(("kernel", "step"), [((3, 1, 1), 1), ((3, 1, 1), 2), ((1, 1, 1), 1)])
def test_a_convolution_keeps_the_past_only_where_it_is_asked_to(kernel, step):
    layer, video = CausalConv(4, kernel, (step, 1, 1)), video_of(9)
    variables = layer.init(jax.random.key(0), video)
    assert variables.keys() == {"params"}
    whole = layer.apply(variables, video)
    before, kept = layer.apply(variables, video[:, :5], mutable=[PAST])
    after = layer.apply({**variables, **kept}, video[:, 5:]) if kept else layer.apply(variables, video[:, 5:])
    np.testing.assert_allclose(jnp.concatenate([before, after], axis=1), whole, atol=1e-6)
