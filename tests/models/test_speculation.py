"""Drafted decoding draws what decoding one token after another draws, whatever the draft is worth."""

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from filled import filled
from scipy import stats

from futurepred_jax.models.decoding import generate
from futurepred_jax.models.outlook import Guess, guess_tokens
from futurepred_jax.models.sampling import Sampling
from futurepred_jax.models.transformer import Conditioning, Transformer

SIZES = np.array([7, 3])
MODEL = Transformer(sizes=(7, 3), grid=(3, 3, 4), width=48, depth=1, heads=2, nearby=8)
CONTEXT, NEW = 12, 23
KEY = jax.random.key(2)
RULES = {
    "greedy": (Sampling(temperature=0.0), 2),
    "sampling": (Sampling(), 8),
    "cut": (Sampling(temperature=0.7, top_k=5, top_p=0.8), 24),
}

decode = partial(jax.jit, static_argnums=0, static_argnames=("num_tokens", "sampling", "samples"))(generate)


def _params(model, **reads):
    """Parameters with larger heads, so that the distributions are far from uniform, and far from certain."""
    shapes = jax.eval_shape(partial(model.init, jax.random.key(0), **reads), jnp.zeros((1, 36, 2), int))
    params = filled(shapes)["params"]
    return {**params, "head": jax.tree.map(lambda x: 2 * x, params["head"])}


@pytest.fixture(scope="module")
def params():
    return _params(MODEL)


def _context(b: int = 3):
    return jax.random.randint(jax.random.key(1), (b, CONTEXT, 2), 0, SIZES)


@pytest.mark.parametrize(("rule", "run"), RULES.values(), ids=RULES)
def test_the_same_tokens_are_drawn_after_any_draft(params, rule, run):
    """Three contexts, two continuations of each: every row has a place of its own in its run."""
    asked = {"num_tokens": NEW, "key": KEY, "samples": 2}
    plain = decode(MODEL, params, _context(), sampling=rule, **asked)
    drafted = partial(decode, MODEL, params, _context(), sampling=dataclasses.replace(rule, draft=run), **asked)
    np.testing.assert_array_equal(plain.passes, NEW)
    perfect, hopeless = plain.tokens[:, 0], (plain.tokens[:, 0] + 1) % SIZES
    again = jnp.tile(_context(), (1, 2, 1))[:, :NEW]
    for draft in (perfect, hopeless, again):
        found = drafted(draft=draft)
        np.testing.assert_array_equal(found.tokens, plain.tokens)
        np.testing.assert_allclose(found.log_likelihood, plain.log_likelihood, rtol=1e-5)
        assert (found.passes <= NEW).all()
    fewest = -(-NEW // run)
    np.testing.assert_array_equal(drafted(draft=perfect).passes[:, 0], fewest)
    assert (drafted(draft=hopeless).passes > fewest).all()


def test_without_a_guess_the_last_latent_frame_is_the_draft(params):
    asked = {"num_tokens": NEW, "key": KEY, "sampling": Sampling(draft=5)}
    frames = jnp.tile(_context(), (1, 2, 1))[:, :NEW]
    chosen, given = (decode(MODEL, params, _context(), draft=draft, **asked) for draft in (None, frames))
    np.testing.assert_array_equal(chosen.passes, given.passes)


def test_a_guess_is_the_draft_of_what_follows_the_context():
    """At a large weight the guess is what is drawn, so that no draft is better; this context holds some of it."""
    reader = MODEL.clone(context_latents=1, code_dim=4)
    codes, book = (jax.random.normal(jax.random.key(3), shape) for shape in ((2, 24, 2, 4), (2, 7, 4)))
    guess, one = (Guess(codes[:b], jnp.zeros((b, codes.shape[1], 8)), book, jnp.zeros((b, 4, 8, 8, 3))) for b in (2, 1))
    params = _params(reader, conditioning=Conditioning(guess=one))
    rule = Sampling(temperature=0.0, guess_weight=1e6, draft=8)
    context = jax.random.randint(KEY, (2, 24, 2), 0, SIZES)
    found = decode(
        reader, params, context, num_tokens=12, key=KEY, sampling=rule, conditioning=Conditioning(guess=guess)
    )
    np.testing.assert_array_equal(found.tokens[:, 0], guess_tokens(guess, (7, 3))[:, 12:])
    np.testing.assert_array_equal(found.passes, 2)
    halfway = Sampling(temperature=0.0, guess_weight=1.0)
    plain, drafted = (
        decode(
            reader, params, context, num_tokens=12, key=KEY, sampling=rule, conditioning=Conditioning(guess=guess)
        ).tokens
        for rule in (halfway, dataclasses.replace(halfway, draft=8))
    )
    np.testing.assert_array_equal(plain, drafted)


def test_tokens_of_a_drafted_run_have_the_probabilities_of_the_model(params):
    """The second token of a run, over all first ones."""
    count = 8000
    rule, context = Sampling(draft=2), _context(1)
    drawn = decode(MODEL, params, context, num_tokens=2, key=KEY, sampling=rule, samples=count).tokens[0]
    counts = np.bincount(np.asarray(drawn[:, 1]) @ [3, 1], minlength=21)
    pairs = jnp.stack(jnp.meshgrid(*map(jnp.arange, (7, 3, 7)), indexing="ij"), axis=-1).reshape(-1, 3)
    tokens = jnp.pad(jnp.tile(context, (147, 1, 1)), ((0, 0), (0, 2), (0, 0)))
    tokens = tokens.at[:, CONTEXT].set(pairs[:, :2]).at[:, CONTEXT + 1, 0].set(pairs[:, 2])
    logits = jax.jit(partial(MODEL.apply, first=CONTEXT))({"params": params}, tokens)
    p = np.asarray(jax.nn.softmax(logits), np.float64)
    rows = np.arange(147)
    first = p[rows, 0, 0, pairs[:, 0]] * p[rows, 0, 1, pairs[:, 1]]
    joint = (first * p[rows, 1, 0, pairs[:, 2]])[:, None] * p[:, 1, 1, :3]
    share = joint.reshape(21, 7, 3).sum(axis=0).ravel()
    assert stats.chisquare(counts, share * (count / share.sum())).pvalue > 1e-3
    assert stats.chisquare(counts, np.full(21, count / 21)).pvalue < 1e-3


def test_a_negative_run_is_refused():
    with pytest.raises(ValueError, match="draft -1: needs a number of positions, 0 for one at a time"):
        Sampling(draft=-1)
