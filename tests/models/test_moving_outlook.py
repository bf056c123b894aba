"""A first guess that moves what was seen looks at the context alone, and learns what goes where."""

import dataclasses
import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from futurepred_jax.models.moving_outlook import MovingOutlook
from futurepred_jax.models.transformer import Transformer
from futurepred_jax.objectives.outlook import OutlookObjective, blurred_distance
from futurepred_jax.objectives.prediction import PredictionObjective
from futurepred_jax.objectives.tokenizer import to_signed

SIZES, GRID, PAST, STRIDE = (6, 3), (3, 4, 4), 2, (2, 8, 8)
OUTLOOK = MovingOutlook(SIZES, code_dim=5, grid=GRID, past=PAST, stride=STRIDE, width=16, depth=1)
READER = Transformer(SIZES, code_dim=5, grid=GRID, past=PAST, width=32, depth=1, heads=2, nearby=8)
CONTEXT, SIDE = 3, 32


_guess = jax.jit(OUTLOOK.apply)


def _tokens(key: int = 0, b: int = 2):
    return jax.random.randint(jax.random.key(key), (b, 48, 2), 0, np.array(SIZES))


def _clips(key: int = 0, b: int = 2):
    """A bright square of 8 pixels that goes 2 to the right each frame before a dark ground, uint8 [b 5 32 32 3]."""
    keys = jax.random.split(jax.random.key(key), 3)
    row, column = (jax.random.randint(each, (b, 1, 1, 1), 0, SIDE - 18) for each in keys[:2])
    y, x = jnp.mgrid[:SIDE, :SIDE]
    column = column + 2 * jnp.arange(5)[:, None, None]
    inside = (abs(y - row - 4) < 4) & (abs(x - column - 4) < 4)
    colour = jax.random.randint(keys[2], (b, 1, 1, 1, 3), 128, 256)
    return jnp.where(inside[..., None], colour, 40).astype(jnp.uint8)


@pytest.fixture(scope="module")
def variables():
    return jax.jit(OUTLOOK.init)(jax.random.key(1), _tokens(), to_signed(_clips()[:, :CONTEXT]))


def test_it_says_codes_of_every_future_token_and_small_frames(variables):
    guess = _guess(variables, _tokens(), to_signed(_clips()[:, :CONTEXT]))
    assert OUTLOOK.context == (CONTEXT, SIDE, SIDE)
    assert guess.codes.shape == (2, 16, 2, 5)
    assert guess.features.shape == (2, 4, 4, 16)
    assert guess.frames is not None
    assert guess.frames.shape == (2, 2, 16, 16, 3)


def test_a_guess_depends_on_every_frame_of_the_context_and_on_no_token(variables):
    frames = to_signed(_clips()[:, :CONTEXT])
    guess = _guess(variables, _tokens(), frames)
    chex.assert_trees_all_equal(guess, _guess(variables, _tokens(3), frames))
    for frame in range(CONTEXT):
        other = _guess(variables, _tokens(), frames.at[:, frame].multiply(0.5))
        assert (other.features != guess.features).any(axis=(1, 2, 3)).all()


def test_other_frames_than_those_of_a_context_are_refused(variables):
    with pytest.raises(ValueError, match=r"no frames: a guess needs those of a context, \[3, 32, 32\]"):
        OUTLOOK.apply(variables, _tokens())
    with pytest.raises(ValueError, match=r"frames \[5, 32, 32\]: a guess needs"):
        OUTLOOK.apply(variables, _tokens(), to_signed(_clips()))
    with pytest.raises(ValueError, match="needs multiples of 4 pixels"):
        OUTLOOK.clone(stride=(2, 8, 6)).apply(variables, _tokens(), to_signed(_clips()[:, :CONTEXT]))


def test_flops_are_those_of_the_compiled_program():
    """XLA counts norms, activations and what is carried besides, and leaves out what the border of a frame spares."""
    wide = OUTLOOK.clone(grid=(4, 16, 16), width=128, depth=3)
    seen = jnp.zeros((1, 4 * 256, 2), jnp.int32), jnp.zeros((1, 3, 128, 128, 3))
    found = jax.jit(wide.apply).lower(jax.eval_shape(wide.init, jax.random.key(0), *seen), *seen).cost_analysis()
    assert wide.flops(clips=1) == pytest.approx(found["flops"], rel=0.15)  # pyright: ignore
    assert wide.flops(clips=3) == 3 * wide.flops(clips=1)


def test_blurred_frames_tell_how_far_an_object_is_off_its_place():
    true = to_signed(_clips(b=1))
    near, far = (blurred_distance(jnp.roll(true, shift, axis=3), true)[0] for shift in (1, 3))
    sharp = [jnp.mean((jnp.roll(true, shift, axis=3) - true) ** 2) for shift in (1, 3)]
    assert blurred_distance(true, true)[0] == 0
    assert far / near > sharp[1] / sharp[0]


def test_it_learns_where_things_move_and_leaves_the_codes_alone():
    objective = OutlookObjective(OUTLOOK)
    params, state = jax.jit(objective.init)(jax.random.key(3))
    optimizer = optax.adam(5e-3)

    def batch(key):
        clips = _clips(key, b=16)
        return {
            "tokens": _tokens(b=16).reshape(16, *GRID, 2),
            "context": clips[:, :CONTEXT],
            "future": clips[:, CONTEXT:],
        }

    def loss(params, batch):
        return objective.loss(params, state, batch, key=jax.random.key(0), step=jnp.array(0))

    def step(carry, key):
        params, moments = carry
        updates, moments = optimizer.update(jax.grad(lambda p: loss(p, batch(key)).value)(params), moments)
        return (optax.apply_updates(params, updates), moments), None

    keys, held_out = jnp.arange(10, 160), batch(5)
    (params, _), _ = jax.jit(lambda carry: jax.lax.scan(step, carry, keys))((params, optimizer.init(params)))
    found = jax.jit(objective.validate)(params, state, held_out)
    true, last = (OUTLOOK.shrunk(to_signed(held_out[name])) for name in ("future", "context"))
    assert found["frames_distance"] < 0.25 * jnp.mean(blurred_distance(jnp.repeat(last[:, -1:], 2, axis=1), true))
    chex.assert_trees_all_equal(jax.jit(loss)(params, held_out).model_state, state)


def test_training_on_a_guess_from_frames_changes_the_reader_and_not_the_guess(variables):
    objective = PredictionObjective(READER, PAST, outlook=OUTLOOK, foresight=variables)
    params, state = jax.jit(objective.init)(jax.random.key(6))
    chex.assert_trees_all_equal(state["outlook"], variables)
    batch = {"tokens": _tokens().reshape(2, *GRID, 2), "context": _clips()[:, :CONTEXT]}

    def loss(params, turns=1):
        taken = dataclasses.replace(objective, accumulate=turns)
        found = taken.loss(params, state, batch, key=jax.random.key(7), step=jnp.array(0))
        return found.value, found

    gradient, found = jax.jit(jax.grad(loss, has_aux=True))(params)
    for name in ("guessed_codes", "guess_features"):
        assert jnp.abs(gradient[name]["kernel"]).max() > 0
    chex.assert_trees_all_equal(found.model_state, state)
    np.testing.assert_allclose(jax.jit(functools.partial(loss, turns=2))(params)[0], found.value, rtol=1e-5)
    validate, other = jax.jit(objective.validate), {**batch, "context": batch["context"][::-1]}
    assert validate(params, state, other)["loss"] != validate(params, state, batch)["loss"]
