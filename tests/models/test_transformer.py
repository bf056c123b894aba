"""The Transformer sees the past only, trains in every part, and learns motion."""

import functools
from collections.abc import Callable

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from futurepred_jax.models.blocks import TokenHead
from futurepred_jax.models.sampling import token_nll
from futurepred_jax.models.transformer import Transformer, train_flops

GRID = (3, 4, 4)
SIZES = np.array([11, 5])
SMALL = Transformer(sizes=(11, 5), grid=GRID, width=48, depth=2, heads=2, nearby=8)


def _tokens(key: int = 0, b: int = 2, n: int = 48):
    return jax.random.randint(jax.random.key(key), (b, n, 2), 0, SIZES)


@pytest.fixture(scope="module")
def params():
    return jax.jit(SMALL.init)(jax.random.key(1), _tokens())["params"]


@functools.partial(jax.jit, static_argnames=("model", "first"))
def _logits(params, tokens, model=SMALL, first=0):
    return model.apply({"params": params}, tokens, first=first)


def _count(model: Transformer) -> int:
    tokens = jnp.zeros((1, np.prod(model.grid), len(model.sizes)), int)
    tree = jax.eval_shape(model.init, jax.random.key(0), tokens)
    return sum(leaf.size for leaf in jax.tree.leaves(tree))


@pytest.mark.parametrize("digit", [0, 1])
def test_logits_depend_on_earlier_tokens_and_earlier_digits_only(params, digit):
    tokens = _tokens()
    before = _logits(params, tokens).reshape(2, 96, -1)  # digit after digit
    for n in (0, 1, 15, 16, 30, 46):
        after = _logits(params, tokens.at[:, n, digit].add(1) % SIZES).reshape(2, 96, -1)
        own = 2 * n + digit
        np.testing.assert_array_equal(before[:, : own + 1], after[:, : own + 1])
        assert (before[:, own + 1] != after[:, own + 1]).any()


def test_every_earlier_digit_reaches_the_last_logits(params):
    """Attention supplies what the window of neighbours leaves out."""
    tokens = _tokens(b=1)
    changed = (tokens + jnp.eye(96, dtype=int).reshape(96, 48, 2)[:94]) % SIZES  # row i: digit i is another
    differs = _logits(params, changed, first=47) != _logits(params, tokens, first=47)
    assert differs.any(axis=-1).all()


def test_the_head_of_a_digit_reads_all_digits_before_it_and_no_other():
    head, token = TokenHead((3, 7, 5), code_dim=4, width=16, dtype=jnp.float32), jnp.array([1, 6, 2])
    x, codes = jax.random.normal(jax.random.key(0), (16,)), jax.random.normal(jax.random.key(1), (3, 7, 4))
    variables = head.init(jax.random.key(2), x, token, codes)
    logits = jnp.stack([head.apply(variables, x, token.at[j].add(-1), codes) for j in range(3)])  # pyright: ignore
    differs = jnp.any(logits != head.apply(variables, x, token, codes), axis=-1)
    np.testing.assert_array_equal(differs, np.triu(np.ones((3, 3), bool), 1))  # row: changed; column: read


def test_many_rows_have_the_logits_of_each_alone():
    """The head multiplies its matrices with each other first where there are more rows than channels."""
    head = TokenHead((3, 7, 5), code_dim=4, width=16, dtype=jnp.float32)
    keys = jax.random.split(jax.random.key(0), 3)
    x, tokens = jax.random.normal(keys[0], (17, 16)), jax.random.randint(keys[1], (17, 3), 0, 3)
    codes = jax.random.normal(keys[2], (3, 7, 4))
    variables = head.init(jax.random.key(1), x, tokens, codes)
    logits: Callable[..., jax.Array] = functools.partial(head.apply, variables)  # pyright: ignore
    alone = [logits(x[i], tokens[i], codes) for i in range(17)]
    np.testing.assert_allclose(logits(x, tokens, codes), jnp.stack(alone), rtol=1e-5, atol=1e-6)


def test_a_code_that_a_smaller_digit_lacks_is_never_likely(params):
    logits = _logits(params, _tokens())
    assert (logits[..., 1, 5:] <= -1e29).all()
    assert (jnp.abs(logits[..., 0, :]) < 10).all()
    assert (jnp.abs(logits[..., 1, :5]) < 10).all()


def test_vectors_of_codes_that_a_smaller_digit_lacks_are_not_read(params):
    changed = {**params, "codes": params["codes"].at[1, 5:].set(jnp.nan)}
    np.testing.assert_array_equal(_logits(changed, _tokens()), _logits(params, _tokens()))


def test_a_prefix_has_the_logits_of_the_whole(params):
    np.testing.assert_allclose(
        _logits(params, _tokens()[:, :21]), _logits(params, _tokens())[:, :21], rtol=1e-4, atol=1e-5
    )


def test_first_leaves_out_logits_and_changes_none(params):
    np.testing.assert_allclose(
        _logits(params, _tokens(), first=32), _logits(params, _tokens())[:, 32:], rtol=1e-4, atol=1e-6
    )


def test_gradients_reach_every_parameter(params):
    tokens = _tokens(b=8)
    grads = jax.jit(jax.grad(lambda p: token_nll(SMALL.apply({"params": p}, tokens), tokens).mean()))(params)  # pyright: ignore
    for path, leaf in jax.tree_util.tree_leaves_with_path(grads):
        assert jnp.any(leaf != 0), jax.tree_util.keystr(path)


def test_rematerialising_changes_nothing_but_memory(params):
    def gradients(model):
        return jax.jit(jax.grad(lambda p: token_nll(model.apply({"params": p}, _tokens()), _tokens()).mean()))(params)

    chex.assert_trees_all_close(*(gradients(SMALL.clone(remat=r)) for r in (False, True)), rtol=1e-4, atol=1e-6)


def test_first_loss_is_that_of_a_uniform_guess(params):
    nll = token_nll(_logits(params, _tokens(b=16)), _tokens(b=16)).mean()
    assert abs(nll - np.log(11 * 5)) < 0.05


def test_half_precision_gives_float32_logits_near_the_exact(params):
    half = _logits(params, _tokens(), model=SMALL.clone(dtype=jnp.bfloat16))
    assert half.dtype == jnp.float32
    np.testing.assert_allclose(half, _logits(params, _tokens()), atol=0.05)


def test_parameters_are_counted():
    width, depth, v, w, hidden, nearby, window = 256, 4, 1024, 64, 704, 32, 22
    model = Transformer(sizes=(v, w), grid=(5, 8, 8), width=width, depth=depth, heads=4, nearby=nearby)
    block = 4 * width**2 + 3 * width * hidden + 2 * width + 2 * (width // 4)
    window_input = (v + w + 1 + 2 * 8) * (nearby + 2 * width) + window * nearby * width
    head = width * (v + w + 2 * 8) + 2 * width + (v + 8) * width + width**2  # each its norm; the second reads the first
    codes = 2 * v * 8
    assert _count(model) == depth * block + window_input + head + codes


def test_flops_are_six_for_each_weight_and_attended_pair():
    model = Transformer(sizes=(1024, 64), grid=(5, 8, 8), width=256, depth=4, heads=4, nearby=32)
    head = 256 * (1024 + 64) + 8 * 256 + 256 * 256
    after_attention = 256**2 + 3 * 256 * 704
    weights = 4 * (3 * 256**2 + after_attention) + 22 * 32 * 256 + 2 * 8 * (32 + 2 * 256)
    pairs = 320 * 321 // 2
    want = 6 * (320 * weights + 4 * pairs * 2 * 256 + 320 * head)
    assert train_flops(model, clips=1) == want
    spared = 6 * (192 * head + 192 * after_attention + 192 * 193 // 2 * 2 * 256)
    assert train_flops(model, clips=3, first=192) == 3 * (want - spared)


def test_too_long_a_sequence_states_the_rule_and_the_remedy(params):
    with pytest.raises(ValueError, match=r"49 tokens.*\(3, 4, 4\) takes at most 48.*next context"):
        SMALL.apply({"params": params}, _tokens(n=49))


def test_heads_must_divide_the_width():
    with pytest.raises(ValueError, match="heads must divide the width"):
        SMALL.clone(heads=5).init(jax.random.key(0), _tokens())


def _shifted_frames(key, b: int):
    """Random first frames, each later one the last moved by one column, so that all but frame 0 is determined."""
    first = jax.random.randint(key, (b, 4, 4, 2), 0, SIZES)
    return jnp.stack([jnp.roll(first, t, axis=-2) for t in range(3)], axis=1).reshape(b, -1, 2)


def test_learns_that_frames_move():
    optimizer = optax.adam(4e-3)

    @jax.jit
    def train(params, key):
        def step(state, key):
            params, moments = state
            tokens = _shifted_frames(key, 16)
            grads = jax.grad(lambda p: token_nll(SMALL.apply({"params": p}, tokens), tokens)[:, 16:].mean())(params)  # pyright: ignore
            updates, moments = optimizer.update(grads, moments)
            return (optax.apply_updates(params, updates), moments), None

        return jax.lax.scan(step, (params, optimizer.init(params)), jax.random.split(key, 100))[0][0]

    params = train(SMALL.init(jax.random.key(2), _tokens())["params"], jax.random.key(3))
    held_out = _shifted_frames(jax.random.key(4), 64)
    right = (jnp.argmax(_logits(params, held_out), axis=-1) == held_out).all(axis=-1)
    assert right[:, 16:].mean() > 0.9
    assert right[:, :16].mean() < 0.3  # frame 0 is random: nothing may tell it
