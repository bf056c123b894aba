"""A first guess sees the context alone, learns what goes where, and leads the decoding that reads it."""

import dataclasses
import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from futurepred_jax.models.decoding import generate
from futurepred_jax.models.outlook import Outlook, guess_tokens
from futurepred_jax.models.sampling import Sampling
from futurepred_jax.models.transformer import Conditioning, Transformer
from futurepred_jax.objectives.outlook import OutlookObjective, blurred_distance
from futurepred_jax.objectives.prediction import PredictionObjective
from futurepred_jax.pixels import to_signed

SIZES, GRID, PAST, STRIDE = (6, 3), (3, 4, 4), 2, (2, 8, 8)
OUTLOOK = Outlook(SIZES, code_dim=5, grid=GRID, context_latents=PAST, stride=STRIDE, width=16, depth=1)
READER = Transformer(SIZES, code_dim=5, grid=GRID, context_latents=PAST, width=32, depth=1, heads=2, nearby=8)
CONTEXT, SIDE = 3, 32
SEEN = PAST * 16


_guess = jax.jit(OUTLOOK.apply)
_read = jax.jit(lambda params, tokens, guess: READER.apply({"params": params}, tokens, Conditioning(guess=guess)))


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
    return jax.jit(OUTLOOK.init)(jax.random.key(1), to_signed(_clips()[:, :CONTEXT]))


@pytest.fixture(scope="module")
def guess(variables):
    return _guess(variables, to_signed(_clips()[:, :CONTEXT]))


@pytest.fixture(scope="module")
def params(guess):
    return jax.jit(lambda key: READER.init(key, _tokens(), Conditioning(guess=guess)))(jax.random.key(2))["params"]


def test_it_says_codes_of_every_future_token_and_small_frames(guess):
    assert OUTLOOK.context_shape == (CONTEXT, SIDE, SIDE)
    assert guess.codes.shape == (2, 16, 2, 5)
    assert guess.features.shape == (2, 16, 16)
    assert guess.frames.shape == (2, 2, 16, 16, 3)


def test_a_guess_depends_on_every_frame_of_the_context(variables, guess):
    frames = to_signed(_clips()[:, :CONTEXT])
    for frame in range(CONTEXT):
        other = _guess(variables, frames.at[:, frame].multiply(0.5))
        assert (other.features != guess.features).any(axis=(1, 2)).all()


def test_other_frames_than_those_of_a_context_are_refused(variables):
    with pytest.raises(ValueError, match=r"frames \[5, 32, 32\]: a guess needs those of a context, \[3, 32, 32\]"):
        OUTLOOK.apply(variables, to_signed(_clips()))
    with pytest.raises(ValueError, match="needs multiples of 4 pixels"):
        OUTLOOK.clone(stride=(2, 8, 6)).apply(variables, to_signed(_clips()[:, :CONTEXT]))


def test_the_tokens_nearest_to_their_own_codes_are_themselves(guess):
    tokens = _tokens()[:, SEEN:]
    codes = guess.book[jnp.arange(2), tokens] + 0.01
    np.testing.assert_array_equal(guess_tokens(guess.replace(codes=codes), SIZES), tokens)


def test_flops_are_those_of_the_compiled_program():
    """XLA counts norms, activations and what is carried besides, and leaves out what the border of a frame spares."""
    wide = OUTLOOK.clone(grid=(4, 16, 16), width=128, depth=3)
    seen = jnp.zeros((1, 3, 128, 128, 3))
    found = jax.jit(wide.apply).lower(jax.eval_shape(wide.init, jax.random.key(0), seen), seen).cost_analysis()
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


def test_the_model_reads_the_guess_at_every_future_position_and_nowhere_before(params, guess):
    other = guess.replace(codes=guess.codes + 1.0)
    one, two = (_read(params, _tokens(), each) for each in (guess, other))
    np.testing.assert_array_equal(one[:, :SEEN], two[:, :SEEN])
    assert (one[:, SEEN:] != two[:, SEEN:]).any(axis=(2, 3)).all()


def test_decoding_with_a_guess_is_the_rollout_of_the_uncached_model(params, guess):
    decode = jax.jit(functools.partial(generate, READER, num_tokens=16, sampling=Sampling(temperature=0.0)))
    found = decode(params, _tokens()[:, :SEEN], key=jax.random.key(0), conditioning=Conditioning(guess=guess)).tokens[
        :, 0
    ]
    whole = jnp.concatenate([_tokens()[:, :SEEN], found], axis=1)
    np.testing.assert_array_equal(jnp.argmax(_read(params, whole, guess), axis=-1)[:, SEEN:], found)


def test_a_guess_of_large_weight_is_itself_decoded(params, guess):
    sampling = Sampling(temperature=0.0, guess_weight=1e6)
    decode = jax.jit(functools.partial(generate, READER, num_tokens=16, sampling=sampling))
    found = decode(params, _tokens()[:, :SEEN], key=jax.random.key(0), conditioning=Conditioning(guess=guess))
    np.testing.assert_array_equal(found.tokens[:, 0], guess_tokens(guess, SIZES))


def test_a_guess_without_a_reader_and_a_reader_without_a_guess_are_refused(params, guess):
    with pytest.raises(ValueError, match="no guess for a Transformer with context_latents 2"):
        READER.apply({"params": params}, _tokens())
    with pytest.raises(ValueError, match="a guess for a Transformer with context_latents 0"):
        Transformer(SIZES, code_dim=5, grid=GRID, width=32, depth=1, heads=2).init(
            jax.random.key(0), _tokens(), Conditioning(guess=guess)
        )
    with pytest.raises(ValueError, match="must leave some of"):
        Transformer(SIZES, code_dim=5, grid=GRID, context_latents=3).init(jax.random.key(0), _tokens())


def test_training_on_a_guess_changes_the_reader_and_not_the_guess(variables):
    objective = PredictionObjective(READER, PAST, outlook=OUTLOOK, outlook_variables=variables)
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
