"""The tokenizer sees no future, and says which clips it takes."""
# pyright: reportAttributeAccessIssue=false, reportArgumentType=false
# Module.apply is typed as a union with the mutable case, which these tests do not use

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from futurepred_jax.models.magvit import MagVit
from futurepred_jax.models.quantizers import VQ

MODEL = MagVit(channels=(8, 8), blocks=(0, 1), strides=((2, 4, 4), (2, 1, 1)), quantizer=VQ(32, 4, groups=2))
LOCAL = MODEL.clone(local=True)


def _init(model):
    return jax.jit(model.init)(jax.random.key(0), jnp.zeros((1, 9, 8, 8, 3)))


@pytest.fixture(scope="module")
def variables():
    return _init(MODEL)


def _video(frames: int = 9):
    return jax.random.uniform(jax.random.key(1), (2, frames, 8, 8, 3), minval=-1, maxval=1)


@pytest.mark.parametrize("model", [MODEL, LOCAL])
def test_context_tokens_do_not_depend_on_the_future(model):
    variables = _init(model)
    encode = jax.jit(lambda video: model.apply(variables, video, method="encode"))
    before = encode(_video())
    after = encode(_video().at[:, 5:].multiply(-1))
    np.testing.assert_array_equal(before[:, :2], after[:, :2])
    assert jnp.any(before[:, 2] != after[:, 2])


def _reached(model, place: tuple[int, int, int]):
    """Of which places [lt lh lw] the latents and the tokens change with the pixels of one place's patch."""
    variables = _init(model)
    t, h, w = place
    patch = np.s_[:, max(0, 4 * t - 3) : 4 * t + 1, 4 * h : 4 * h + 4, 4 * w : 4 * w + 4]

    @jax.jit
    def encode(video):
        latents = model.apply(variables, video, method=lambda magvit, video: magvit.encoder(video))
        return latents, model.apply(variables, video, method="encode")

    before, after = encode(_video()), encode(_video().at[patch].multiply(-1))
    return [np.any(one != other, axis=(0, -1)) for one, other in zip(before, after, strict=True)]


@pytest.mark.parametrize("place", [(0, 0, 1), (1, 1, 0), (2, 1, 1)])
def test_a_local_encoder_reads_the_patch_of_a_place_alone(place):
    alone = np.zeros((3, 2, 2), bool)
    alone[place] = True
    for reached in _reached(LOCAL, place):
        np.testing.assert_array_equal(reached, alone)


def test_another_encoder_sees_around_a_place_and_back_in_time():
    for reached in _reached(MODEL, (1, 1, 0)):
        assert not reached[0].any()
        assert reached[1].sum() > 1
        assert reached[2].any()


@pytest.mark.parametrize("frames", [1, 5])
def test_drawings_have_the_clips_shape(variables, frames):
    tokens = MODEL.apply(variables, _video(frames), method="encode")
    assert tokens.shape == (2, *MODEL.grid(frames, 8, 8), 2)
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
