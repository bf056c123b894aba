"""A first guess sees the context alone, learns what moves, and leads the decoding that reads it."""

import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from futurepred_jax.models.decoding import generate
from futurepred_jax.models.outlook import Guess, Outlook, nearest
from futurepred_jax.models.sampling import Sampling
from futurepred_jax.models.transformer import Transformer
from futurepred_jax.objectives.outlook import OutlookObjective
from futurepred_jax.objectives.prediction import PredictionObjective

SIZES, GRID, PAST = (6, 3), (4, 4, 4), 2
OUTLOOK = Outlook(SIZES, code_dim=5, grid=GRID, past=PAST, width=16, depth=2)
READER = Transformer(SIZES, code_dim=5, grid=GRID, past=PAST, width=32, depth=1, heads=2, nearby=8)
CONTEXT = PAST * 16


_guess = jax.jit(OUTLOOK.apply)
_read = jax.jit(lambda params, tokens, guess: READER.apply({"params": params}, tokens, guess=guess))


def _tokens(key: int = 0, b: int = 2):
    return jax.random.randint(jax.random.key(key), (b, 64, 2), 0, np.array(SIZES))


@pytest.fixture(scope="module")
def variables():
    return jax.jit(OUTLOOK.init)(jax.random.key(1), _tokens())


@pytest.fixture(scope="module")
def guess(variables):
    return _guess(variables, _tokens())


@pytest.fixture(scope="module")
def params(guess):
    return jax.jit(lambda key: READER.init(key, _tokens(), guess=guess))(jax.random.key(2))["params"]


def test_a_guess_depends_on_the_whole_context_and_on_nothing_after_it(variables, guess):
    changed = _tokens().at[:, CONTEXT:].set(0)
    chex.assert_trees_all_equal(guess, _guess(variables, changed), _guess(variables, changed[:, :CONTEXT]))
    earliest = _guess(variables, changed.at[:, 0, 0].add(1) % np.array(SIZES))
    assert (earliest.features != guess.features).any()


def test_a_context_that_is_cut_short_is_refused(variables):
    with pytest.raises(ValueError, match="31 tokens: a guess needs the 32 of 2 latent frames"):
        OUTLOOK.apply(variables, _tokens()[:, : CONTEXT - 1])


def test_the_tokens_nearest_to_their_own_codes_are_themselves(guess):
    tokens = _tokens()[:, CONTEXT:]
    codes = guess.book[jnp.arange(2), tokens] + 0.01
    np.testing.assert_array_equal(nearest(Guess(codes, guess.features, guess.book), SIZES), tokens)


def test_flops_are_those_of_the_compiled_program(variables):
    """XLA leaves out what the border of a frame spares, and counts norms and activations besides."""
    wide = Outlook((6,), code_dim=5, grid=(3, 32, 32), past=2, width=32, depth=2)
    tokens = jnp.zeros((1, 3 * 32 * 32, 1), jnp.int32)
    apply = jax.jit(wide.apply)
    found = apply.lower(jax.eval_shape(wide.init, jax.random.key(0), tokens), tokens).cost_analysis()["flops"]  # pyright: ignore
    assert wide.flops(clips=1) == pytest.approx(found, rel=0.15)
    assert wide.flops(clips=3) == 3 * wide.flops(clips=1)


def test_it_learns_where_things_move_and_leaves_the_codes_alone():
    """Frames that shift by one column: copying the last one is wrong nearly everywhere."""
    objective = OutlookObjective(OUTLOOK)
    params, state = jax.jit(objective.init)(jax.random.key(3))
    optimizer = optax.adam(1e-2)

    def batch(key):
        first = jax.random.randint(key, (16, 1, 4, 4, 2), 0, np.array(SIZES))
        return {"tokens": jnp.concatenate([jnp.roll(first, shift, axis=3) for shift in range(4)], axis=1)}

    @jax.jit
    def step(carry, key):
        params, moments = carry
        value = lambda p: objective.loss(p, state, batch(key), key=key, step=jnp.array(0)).value  # noqa: E731
        updates, moments = optimizer.update(jax.grad(value)(params), moments)
        return (optax.apply_updates(params, updates), moments), None

    keys = jax.random.split(jax.random.key(4), 150)
    (params, _), _ = jax.lax.scan(step, (params, optimizer.init(params)), keys)
    held_out = objective.validate(params, state, batch(jax.random.key(5)))
    assert held_out["loss"] < 0.25 * held_out["copy_last_distance"]
    after = objective.loss(params, state, batch(keys[0]), key=keys[0], step=jnp.array(0))
    chex.assert_trees_all_equal(after.model_state, state)


def test_the_model_reads_the_guess_at_every_future_position_and_nowhere_before(params, guess):
    other = Guess(guess.codes + 1.0, guess.features, guess.book)
    one, two = (_read(params, _tokens(), each) for each in (guess, other))
    np.testing.assert_array_equal(one[:, :CONTEXT], two[:, :CONTEXT])
    assert (one[:, CONTEXT:] != two[:, CONTEXT:]).any(axis=(2, 3)).all()


def test_decoding_with_a_guess_is_the_rollout_of_the_uncached_model(params, guess):
    decode = jax.jit(functools.partial(generate, READER, num_tokens=32, sampling=Sampling(temperature=0.0)))
    found = decode(params, _tokens()[:, :CONTEXT], key=jax.random.key(0), guess=guess).tokens[:, 0]
    whole = jnp.concatenate([_tokens()[:, :CONTEXT], found], axis=1)
    np.testing.assert_array_equal(jnp.argmax(_read(params, whole, guess), axis=-1)[:, CONTEXT:], found)


def test_a_share_of_one_decodes_the_guess_itself(params, guess):
    sampling = Sampling(temperature=0.0, minimum_risk=True, guess_share=1.0)
    decode = jax.jit(functools.partial(generate, READER, num_tokens=32, sampling=sampling))
    found = decode(params, _tokens()[:, :CONTEXT], key=jax.random.key(0), guess=guess)
    np.testing.assert_array_equal(found.tokens[:, 0], nearest(guess, SIZES))
    with pytest.raises(ValueError, match="guess_share is a share"):
        Sampling(guess_share=1.5)


def test_a_guess_without_a_reader_and_a_reader_without_a_guess_are_refused(params, guess):
    with pytest.raises(ValueError, match="no guess for a Transformer of past 2"):
        READER.apply({"params": params}, _tokens())
    with pytest.raises(ValueError, match="a guess for a Transformer of past 0"):
        Transformer(SIZES, code_dim=5, grid=GRID, width=32, depth=1, heads=2).init(
            jax.random.key(0), _tokens(), guess=guess
        )
    with pytest.raises(ValueError, match="must leave a future"):
        Transformer(SIZES, code_dim=5, grid=GRID, past=4).init(jax.random.key(0), _tokens())


def test_training_on_a_guess_changes_the_reader_and_not_the_guess(variables):
    objective = PredictionObjective(READER, PAST, outlook=OUTLOOK, foresight=variables)
    params, state = jax.jit(objective.init)(jax.random.key(6))
    chex.assert_trees_all_equal(state["outlook"], variables)
    batch = {"tokens": _tokens().reshape(2, *GRID, 2)}
    loss = lambda p, s: objective.loss(p, s, batch, key=jax.random.key(7), step=jnp.array(0))  # noqa: E731
    gradient, found = jax.jit(jax.grad(lambda p: (loss(p, state).value, loss(p, state)), has_aux=True))(params)
    for name in ("guessed_codes", "guess_features"):
        assert jnp.abs(gradient[name]["kernel"]).max() > 0
    chex.assert_trees_all_equal(found.model_state, state)
