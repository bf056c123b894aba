"""What users of tokenizers meet: one colour, frames off by one, pixels in another range; a short training shows it."""
# pyright: reportAttributeAccessIssue=false, reportArgumentType=false
# Module.apply is typed as a union with the mutable case, which these tests do not use

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from futurepred_jax.models.magvit import MagVit
from futurepred_jax.models.quantizers import VQ
from futurepred_jax.objectives.tokenizer import TokenizerObjective
from futurepred_jax.pixels import to_signed
from futurepred_jax.training.state import initial_state
from futurepred_jax.training.step import make_train_step

FRAMES, SIDE, STEPS = 9, 16, 300
MODEL = MagVit(channels=(48,), blocks=(1,), strides=((4, 4, 4),), quantizer=VQ(64, 16, groups=4), local=True)
OBJECTIVE = TokenizerObjective(MODEL, (FRAMES, SIDE, SIDE), foreground_weight=2.0, warm_steps=150)


def _clips(key, count: int = 8):
    """Bright squares on a dark ground, each crossing its clip, a pixel or two a frame."""
    place, speed, colour = (jax.random.split(key, 3)[i] for i in range(3))
    start = jax.random.uniform(place, (count, 2), minval=0, maxval=SIDE)
    step = jnp.sign(jax.random.normal(speed, (count, 2))) * jax.random.uniform(speed, (count, 2), minval=1, maxval=2)
    centre = (start[:, None] + jnp.arange(FRAMES)[:, None] * step[:, None]) % SIDE  # b t 2
    away = jnp.abs(jnp.arange(SIDE) - centre[..., None])
    near = jnp.minimum(away, SIDE - away) < 3
    mask = near[:, :, 0, :, None] & near[:, :, 1, None, :]
    bright = jax.random.randint(colour, (count, 1, 1, 1, 3), 150, 256)
    video = jnp.where(mask[..., None], bright, 40).astype(jnp.uint8)
    return {"video": video, "noisy": video, "instance": mask.astype(jnp.uint8)}


@pytest.fixture(scope="module")
def trained():
    """Held-out clips in [-1, 1] and what the tokenizer draws from their tokens."""
    optimizer = optax.adam(4e-3)
    step = make_train_step(OBJECTIVE.loss, optimizer, ema_decay=0.0)

    @jax.jit
    def train(state):
        keys = jax.random.split(jax.random.key(1), STEPS)
        return jax.lax.scan(lambda state, key: (step(state, _clips(key), key)[0], None), state, keys)[0]

    state = train(initial_state(OBJECTIVE.init, optimizer, jax.random.key(0), ema=False))
    batch, variables = _clips(jax.random.key(7)), {"params": state.params, **state.model_state}
    clip = to_signed(batch["video"])
    drawn = MODEL.apply(variables, MODEL.apply(variables, clip, method="encode"), method="decode")
    return clip, drawn, OBJECTIVE.validate(state.params, state.model_state, batch)


def _psnr(a, b) -> float:
    return float(-10 * np.log10(np.mean(np.square((np.asarray(a) - np.asarray(b)) / 2))))


@pytest.mark.slow
def test_a_drawing_is_no_solid_colour(trained):
    clip, drawn, _ = trained
    solid = jnp.mean(clip, axis=(1, 2, 3), keepdims=True)
    assert _psnr(drawn, clip) > _psnr(solid, clip) + 4
    assert jnp.std(drawn, axis=(2, 3)).mean() > 0.6 * jnp.std(clip, axis=(2, 3)).mean()


@pytest.mark.slow
def test_every_frame_is_drawn_at_its_own_time(trained):
    clip, drawn, _ = trained
    there = _psnr(drawn[:, 1:-1], clip[:, 1:-1])
    for other in (clip[:, :-2], clip[:, 2:]):
        assert there > _psnr(drawn[:, 1:-1], other) + 2


@pytest.mark.slow
def test_drawings_use_the_range_of_the_clips(trained):
    clip, drawn, _ = trained
    assert drawn.min() >= -1
    assert drawn.max() <= 1
    np.testing.assert_allclose(drawn.mean(), clip.mean(), atol=0.1)
    dark = clip.min(axis=-1) < 0
    np.testing.assert_allclose(jnp.median(drawn[dark]), 40 / 127.5 - 1, atol=0.1)


@pytest.mark.slow
def test_the_logged_psnr_is_that_of_bytes_with_a_peak_of_255(trained):
    clip, drawn, scores = trained
    error = np.square((np.asarray(drawn, np.float64) - np.asarray(clip)) * 127.5).mean(axis=(1, 2, 3, 4))
    np.testing.assert_allclose(scores["psnr"], np.mean(10 * np.log10(255**2 / error)), rtol=1e-4)


def test_a_latent_frame_draws_its_own_four_frames_and_nothing_before():
    model = MODEL.clone(channels=(4,), quantizer=VQ(8, 4))
    params = jax.jit(model.init)(jax.random.key(0), jnp.zeros((1, FRAMES, 8, 8, 3)))
    draw = jax.jit(lambda latents: model.apply(params, latents, method="decode_latents"))
    latents = jax.random.normal(jax.random.key(1), (1, 3, 2, 2, 4))
    for latent, first in enumerate((0, 1, 5)):
        changed = jnp.any(draw(latents) != draw(latents.at[:, latent].multiply(-1)), axis=(0, 2, 3, 4))
        assert not changed[:first].any()
        assert changed[first : 4 * latent + 1].all()


@pytest.mark.parametrize("frames", [1, 5, 9])
def test_as_many_frames_come_out_as_went_in(frames):
    clip = jax.ShapeDtypeStruct((2, frames, SIDE, SIDE, 3), jnp.float32)

    def run(key, clip):
        (drawn, quantized), _ = MODEL.init_with_output(key, clip)
        return drawn, quantized.tokens

    drawn, tokens = jax.eval_shape(run, jax.random.key(0), clip)
    assert drawn.shape == clip.shape
    assert tokens.shape[1] == 1 + (frames - 1) // 4
