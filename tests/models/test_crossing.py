"""A memory enters through gates that start closed, reaches every position through open ones, and is cached once."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from futurepred_jax.models.crossing import Crossing, Memory, gates
from futurepred_jax.models.decoding import generate, token_nll
from futurepred_jax.models.rope import angles_at
from futurepred_jax.models.transformer import Conditioning, Transformer

SIZES = np.array([7, 3])
PLAIN = Transformer(sizes=(7, 3), grid=(3, 3, 4), width=48, depth=2, heads=2, nearby=8)
CROSSED = PLAIN.clone(cross=(0, 1))
CONTEXT = 12


def _memory(key: int = 0, b: int = 2) -> Memory:
    features = jax.random.normal(jax.random.key(key), (b, 10, 16))
    return Memory(features, jax.random.uniform(jax.random.key(9), (10, 3), maxval=3.0))


def _tokens(key: int = 1, n: int = 36):
    return jax.random.randint(jax.random.key(key), (2, n, 2), 0, SIZES)


@functools.partial(jax.jit, static_argnames="model")
def _logits(params, tokens, memory=None, model=CROSSED):
    return model.apply({"params": params}, tokens, Conditioning(memory))


@pytest.fixture(scope="module")
def closed():
    return jax.jit(CROSSED.init)(jax.random.key(2), _tokens(), Conditioning(_memory()))["params"]


@pytest.fixture(scope="module")
def opened(closed):
    return {**closed, **{f"crossings_{i}": {**closed[f"crossings_{i}"], "gate": jnp.array(0.5)} for i in range(2)}}


def test_with_closed_gates_the_logits_are_exactly_those_of_the_model_without_crossings(closed):
    plain = jax.jit(PLAIN.init)(jax.random.key(2), _tokens())["params"]
    assert set(closed) - set(plain) == {"crossings_0", "crossings_1"}
    for name, part in plain.items():
        jax.tree.map(np.testing.assert_array_equal, part, closed[name])
    np.testing.assert_array_equal(_logits(closed, _tokens(), _memory()), _logits(plain, _tokens(), model=PLAIN))


def test_an_open_gate_lets_the_memory_reach_every_position(opened):
    differs = _logits(opened, _tokens(), _memory(0)) != _logits(opened, _tokens(), _memory(5))
    assert differs.any(axis=(2, 3)).all()


def test_where_a_feature_is_matters(opened):
    memory = _memory()
    moved = dataclasses.replace(memory, position=memory.position + jnp.array([0.0, 1.0, 0.0]))
    assert jnp.abs(_logits(opened, _tokens(), memory) - _logits(opened, _tokens(), moved)).max() > 1e-5


def test_only_distances_matter_not_places():
    crossing = Crossing(width=48, heads=2, branch_scale=1.0, dtype=jnp.float32)
    x, places = jax.random.normal(jax.random.key(3), (2, 4, 48)), jnp.arange(12.0).reshape(4, 3)

    def cross(module, shift):
        memory = dataclasses.replace(_memory(), position=_memory().position + shift)
        return module(x, angles_at(places + shift, 24), module.remember(memory))

    @jax.jit
    def crossed(shift):
        params = crossing.init(jax.random.key(5), shift, method=cross)["params"]
        return crossing.apply({"params": {**params, "gate": jnp.array(1.0)}}, shift, method=cross)

    np.testing.assert_allclose(crossed(0.0), crossed(7.0), atol=1e-4)
    assert jnp.abs(crossed(0.0) - x).max() > 0.1


def test_logits_depend_on_earlier_tokens_only_with_a_memory_too(opened):
    tokens = _tokens()
    before = _logits(opened, tokens, _memory())
    after = _logits(opened, tokens.at[:, 20].add(1) % SIZES, _memory())
    np.testing.assert_array_equal(before[:, :20], after[:, :20])
    assert (before[:, 21] != after[:, 21]).any()


def test_cached_decoding_scores_as_the_uncached_model_does(opened):
    draw = jax.jit(
        lambda context, key, memory: generate(
            CROSSED, opened, context, num_tokens=24, key=key, samples=2, conditioning=Conditioning(memory)
        )
    )
    drawn = draw(_tokens()[:, :CONTEXT], jax.random.key(6), _memory())
    for m in range(2):
        whole = jnp.concatenate([_tokens()[:, :CONTEXT], drawn.tokens[:, m]], axis=1)
        scored = -token_nll(_logits(opened, whole, _memory()), whole)[:, CONTEXT:].sum(axis=-1)
        np.testing.assert_allclose(drawn.log_likelihood[:, m], scored, rtol=1e-4)
        blind = -token_nll(_logits(opened, whole, _memory(5)), whole)[:, CONTEXT:].sum(axis=-1)
        assert np.abs(blind - scored).max() > 1e-3


def test_gates_are_told_by_how_far_they_are_open(closed, opened):
    assert gates(closed) == {"gate_0": 0.0, "gate_1": 0.0}
    assert gates(opened)["gate_1"] == pytest.approx(np.tanh(0.5))


@pytest.mark.parametrize(("cross", "memory"), [((0, 1), None), ((), _memory())])
def test_crossings_and_a_memory_go_together(cross, memory):
    with pytest.raises(ValueError, match="features need crossings, and these them"):
        PLAIN.clone(cross=cross).init(jax.random.key(0), _tokens(), Conditioning(memory))


@pytest.mark.parametrize("cross", [(2,), (1, 0), (1, 1)])
def test_crossings_stand_before_blocks_that_there_are(cross):
    with pytest.raises(ValueError, match=r"increasing numbers of blocks, of 0 … 1"):
        PLAIN.clone(cross=cross).init(jax.random.key(0), _tokens(), Conditioning(_memory()))
