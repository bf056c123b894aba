"""Decoding agrees with scoring, and draws what it says."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from futurepred_jax.models.cache import select_runs, write_runs
from futurepred_jax.models.decoding import generate
from futurepred_jax.models.sampling import Sampling, sample, token_nll, truncate
from futurepred_jax.models.transformer import Transformer

SIZES = np.array([7, 3])
MODEL = Transformer(sizes=(7, 3), grid=(3, 3, 4), width=48, depth=2, heads=2, nearby=8)
CONTEXT = 12
GREEDY = Sampling(temperature=0.0)


@pytest.fixture(scope="module")
def params():
    """Initial parameters with larger heads, so that the distributions are far from uniform."""
    params = jax.jit(MODEL.init)(jax.random.key(0), jnp.zeros((1, 36, 2), int))["params"]
    larger = {f"heads_{i}": jax.tree.map(lambda x: 5 * x, params["head"][f"heads_{i}"]) for i in range(2)}
    return {**params, "head": {**params["head"], **larger}}


def _context(b: int = 3, key: int = 1):
    return jax.random.randint(jax.random.key(key), (b, CONTEXT, 2), 0, SIZES)


def _generate(params, context, *, num_tokens=24, key=2, **kwargs):
    run = jax.jit(lambda p, c, k: generate(MODEL, p, c, num_tokens=num_tokens, key=k, **kwargs))
    return run(params, context, jax.random.key(key))


@jax.jit
def _logits(params, tokens):
    return MODEL.apply({"params": params}, tokens)


def test_cached_logits_are_the_uncached(params):
    tokens = jax.random.randint(jax.random.key(3), (3, 36, 2), 0, SIZES)
    model = MODEL.bind({"params": params})
    cache = model.prefill(tokens[:, :CONTEXT], samples=2, length=24)
    step_at = jax.jit(lambda tokens, at, cache: MODEL.bind({"params": params}).step(tokens, at, cache))
    want = _logits(params, tokens)
    both = jnp.stack([tokens, tokens], axis=1)
    for n in range(CONTEXT, 36):
        blind = both.at[..., n:, :].set(0)  # a step must not need what is not drawn yet
        step = step_at(blind, jnp.full((3, 2), n), cache)
        cache = step.cache
        for i in range(2):
            logits = model.digit(step.features[..., 0, :], both[..., n, :].at[..., i:].set(0), i)
            for m in range(2):
                np.testing.assert_allclose(logits[:, m], want[:, n, i], rtol=1e-4, atol=2e-5)


def test_greedy_is_the_argmax_rollout_of_the_uncached_model(params):
    tokens = jnp.pad(_context(), ((0, 0), (0, 24), (0, 0)))
    for n in range(CONTEXT, 36):
        for i in range(2):
            tokens = tokens.at[:, n, i].set(jnp.argmax(_logits(params, tokens)[:, n, i], axis=-1))
    np.testing.assert_array_equal(_generate(params, _context(), sampling=GREEDY).tokens[:, 0], tokens[:, CONTEXT:])


@pytest.mark.parametrize("sampling", [GREEDY, Sampling(), Sampling(temperature=0.5, top_k=3, top_p=0.8)])
def test_log_likelihood_is_that_of_scoring_at_temperature_one(params, sampling):
    drawn = _generate(params, _context(), sampling=sampling, samples=2)
    for m in range(2):
        whole = jnp.concatenate([_context(), drawn.tokens[:, m]], axis=1)
        scored = -token_nll(_logits(params, whole), whole)[:, CONTEXT:].sum(axis=-1)
        np.testing.assert_allclose(drawn.log_likelihood[:, m], scored, rtol=1e-4)


def test_samples_differ_and_share_the_cache_of_the_context(params):
    drawn = _generate(params, _context(), samples=4)
    assert len({row.tobytes() for row in np.asarray(drawn.tokens[0])}) == 4
    layer = MODEL.bind({"params": params}).prefill(_context(), samples=4, length=24)[0]
    assert layer.context_keys.shape == (3 * 2, 24, CONTEXT)  # not one for each sample
    assert layer.keys.shape == (3 * 2 * 4, 24, 24)


@pytest.mark.slow
def test_the_same_key_draws_the_same_and_another_differs(params):
    one, same, other = (_generate(params, _context(), key=key).tokens for key in (5, 5, 6))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


@pytest.mark.parametrize(
    ("sampling", "kept"),
    [
        (Sampling(), 4),
        (Sampling(top_k=2), 2),
        (Sampling(top_k=9), 4),
        (Sampling(top_p=0.7), 2),  # 0.5 + 0.3 reaches it
        (Sampling(top_p=0.45), 1),
        (Sampling(top_k=3, top_p=0.99), 3),
    ],
)
def test_cuts_keep_the_likeliest(sampling, kept):
    p = jnp.array([[0.05, 0.5, 0.15, 0.3]])
    inside = np.isfinite(truncate(jnp.log(p), sampling)[0])
    assert inside.sum() == kept
    assert set(np.flatnonzero(inside)) == {1, 3, 2, 0} & set(np.argsort(-p[0])[:kept].tolist())
    drawn = sample(jnp.log(jnp.tile(p, (500, 1))), keys=jax.random.split(jax.random.key(0), 500), sampling=sampling)
    assert set(np.unique(drawn)) == set(np.flatnonzero(inside))


def test_the_guess_has_its_weight_in_what_is_likeliest():
    """Of two codes that the model finds likely the one nearer to the guess, and at no weight one that is impossible."""
    logits, distance = jnp.log(jnp.array([0.6, 0.4, 0.0])), jnp.array([0.5, 0.1, 0.0])
    draw = partial(sample, logits, keys=jax.random.key(0), distance=distance)
    even = np.log(0.6 / 0.4) / 0.4  # where both have the same product
    for weight, code in ((0.0, 0), (0.9 * even, 0), (1.1 * even, 1), (100.0, 1)):
        assert draw(sampling=Sampling(temperature=0.0, guess_weight=weight)) == code
    with pytest.raises(ValueError, match="guess_weight nan: needs a finite weight >= 0"):
        Sampling(guess_weight=float("nan"))


@pytest.mark.parametrize(
    ("sampling", "rule"),
    [
        (GREEDY, "greedy"),
        (Sampling(temperature=0.0, guess_weight=10.0), "greedy, guess weight 10"),
        (Sampling(top_k=5, guess_weight=0.5), "one sample at temperature 1, top-k 5, top-p 1, guess weight 0.5"),
    ],
)
def test_a_rule_says_in_words_what_it_is(sampling, rule):
    assert sampling.rule == rule


def test_draws_follow_the_product_of_model_and_guess():
    p, distance, many = np.array([0.6, 0.3, 0.1]), np.array([0.4, 0.0, 0.1]), 20_000
    drawn = sample(
        jnp.log(jnp.tile(jnp.asarray(p), (many, 1))),
        keys=jax.random.split(jax.random.key(0), many),
        sampling=Sampling(guess_weight=5.0),
        distance=jnp.asarray(distance),
    )
    product = p * np.exp(-5.0 * distance)
    found = stats.chisquare(np.bincount(drawn, minlength=3), many * product / product.sum())
    assert found.pvalue > 1e-3


@pytest.mark.parametrize("temperature", [1.0, 0.6])
def test_sampled_frequencies_match_the_joint_probabilities_of_the_digits(params, temperature):
    drawn = _generate(params, _context(1), num_tokens=1, samples=8000, sampling=Sampling(temperature=temperature))
    counts = np.bincount(np.asarray(drawn.tokens).reshape(-1, 2) @ [3, 1], minlength=21)
    padded = jnp.tile(jnp.pad(_context(1), ((0, 0), (0, 1), (0, 0))), (7, 1, 1))
    every_first = padded.at[:, CONTEXT, 0].set(jnp.arange(7))
    p = np.asarray(jax.nn.softmax(_logits(params, every_first)[:, CONTEXT] / temperature), np.float64)
    joint = p[0, 0, :, None] * p[:, 1, :3]  # of the first digit, and of the second given each first
    independent = joint.sum(1, keepdims=True) * joint.sum(0)
    chisquare = lambda share: stats.chisquare(counts, share.ravel() * (8000 / share.sum()))  # noqa: E731
    assert chisquare(joint).pvalue > 1e-3
    assert chisquare(independent).pvalue < 1e-3
    assert chisquare(np.ones((7, 3))).pvalue < 1e-3


def test_no_digit_gets_a_code_that_it_lacks(params):
    hot = Sampling(temperature=100.0, top_k=7)
    drawn = _generate(params, _context(), sampling=hot, samples=8).tokens
    np.testing.assert_array_equal(drawn.max((0, 1, 2)), SIZES - 1)
    assert drawn.min() == 0


@pytest.mark.parametrize(
    ("wrong", "rule"),
    [
        ({"temperature": -1.0}, "temperature -1: needs a finite temperature >= 0"),
        ({"temperature": float("inf")}, "temperature inf: needs a finite temperature >= 0"),
        ({"top_k": -1}, "top_k -1: needs top_k >= 0"),
        ({"top_p": 0.0}, "top_p 0: needs 0 < top_p <= 1"),
        ({"top_p": 1.1}, "top_p 1.1: needs 0 < top_p <= 1"),
        ({"guess_weight": -1.0}, "guess_weight -1: needs a finite weight >= 0"),
    ],
)
def test_sampling_refuses_what_has_no_meaning(wrong, rule):
    with pytest.raises(ValueError, match=rule):
        Sampling(**wrong)


def test_continuing_beyond_the_grid_states_the_remedy(params):
    with pytest.raises(ValueError, match=r"at most 36.*next context"):
        _generate(params, _context(), num_tokens=25)


@pytest.mark.parametrize("wrong", [{"num_tokens": 0}, {"samples": 0}])
def test_nothing_to_generate_is_an_error(params, wrong):
    with pytest.raises(ValueError, match="must be at least 1"):
        _generate(params, _context(), **wrong)


def test_nll_is_the_negative_log_probability_of_all_digits():
    p = jnp.array([[[[0.2, 0.8], [0.5, 0.5]], [[0.7, 0.3], [0.9, 0.1]]]])
    logits = jnp.log(p) + 3.0  # logits may have any offset
    nll = token_nll(logits, jnp.array([[[1, 0], [0, 1]]]))
    np.testing.assert_allclose(nll, -np.log([[0.8 * 0.5, 0.7 * 0.1]]), rtol=1e-5)


def test_runs_are_written_alike_by_every_form_and_at_one_place_or_many():
    into, run = jnp.zeros((2, 3, 4, 9)), 1 + jax.random.uniform(jax.random.key(0), (2, 3, 4, 2))
    at = jnp.array([[0, 3, 7], [2, 2, 6]])
    for axis in (-1, -2):
        given = (into, run) if axis == -1 else (into.swapaxes(-1, -2), run.swapaxes(-1, -2))
        many = write_runs(*given, at, axis=axis)
        np.testing.assert_array_equal(select_runs(*given, at, axis=axis), many)
        assert jnp.sum(many != 0) == run.size
        one = write_runs(*given, jnp.array(5), axis=axis)
        np.testing.assert_array_equal(one, write_runs(*given, jnp.full((2, 3), 5), axis=axis))
