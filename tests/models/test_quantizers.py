"""Codes are found again, followed, revived and differentiated through."""
# pyright: reportAttributeAccessIssue=false, reportCallIssue=false, reportArgumentType=false
# Module.apply is typed as a union with the mutable case, which these tests do not use

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from futurepred_jax.models.quantizers import FSQ, VQ, codebook_usage

MODEL = VQ(codebook_size=16, dim=4)
LEVELS = FSQ(levels=(4, 3, 5))


def _latents(b: int = 4, dim: int = 4):
    return jax.random.normal(jax.random.key(3), (b, 2, 4, 4, dim))


@pytest.fixture
def variables():
    return MODEL.init(jax.random.key(0), _latents())


def _trained(model, variables, steps: int = 4, **kwargs):
    for step in range(steps):
        _, variables = model.apply(
            variables, _latents(), train=True, key=jax.random.key(step), mutable=["codebook"], **kwargs
        )
    return variables


def _collapsed():
    """One code among the latents, the others where no latent is nearest."""
    codes = jnp.zeros((16, 4)).at[0].set(jnp.array([1.0, 0, 0, 0]))
    codes = codes.at[1:].set(jnp.array([-1.0, 0, 0, 0]))
    return {"codebook": {"codes": codes, "counts": jnp.ones(16)}}


def _one_sided():
    return jnp.abs(_latents())


def test_lookup_of_the_tokens_is_the_quantized_latents(variables):
    out = MODEL.apply(variables, _latents())
    np.testing.assert_allclose(MODEL.apply(variables, out.tokens, method="lookup"), out.latents, atol=1e-6)


@pytest.mark.parametrize("revive_below", [0.0, 0.1])
def test_only_revival_brings_a_collapsed_codebook_back(revive_below):
    model, state = VQ(16, 4, decay=0.5, revive_below=revive_below), _collapsed()
    latents = _one_sided()
    for step in range(8):
        out, state = model.apply(state, latents, train=True, key=jax.random.key(step), mutable=["codebook"])
        if step == 0:
            assert codebook_usage(out.tokens, 16)[0] == 1 / 16
    usage, perplexity = codebook_usage(model.apply(state, latents).tokens, 16)
    if revive_below:
        assert usage > 0.5
        assert perplexity > 4
    else:
        assert usage == 1 / 16


def test_commitment_and_straight_through_gradients_reach_the_latents(variables):
    weights = jax.random.normal(jax.random.key(5), _latents().shape)
    through = jax.grad(lambda z: jnp.sum(weights * MODEL.apply(variables, z).latents))(_latents())
    commitment = jax.grad(lambda z: MODEL.apply(variables, z).commitment)(_latents())
    assert jnp.all(jnp.any(through != 0, axis=-1))
    assert jnp.all(jnp.any(commitment != 0, axis=-1))


def test_a_warm_start_passes_latents_and_leaves_the_codebook(variables):
    out, after = MODEL.apply(
        variables, _latents(), train=True, key=jax.random.key(0), active=jnp.array(False), mutable=["codebook"]
    )
    unit = _latents() / jnp.linalg.norm(_latents(), axis=-1, keepdims=True)
    np.testing.assert_allclose(out.latents, unit, atol=1e-5)
    assert out.commitment == 0
    for one, other in zip(jax.tree.leaves(variables), jax.tree.leaves(after), strict=True):
        np.testing.assert_array_equal(one, other)


def test_training_moves_the_codebook_and_keeps_it_on_the_sphere(variables):
    codes = _trained(MODEL, variables)["codebook"]["codes"]
    assert jnp.any(codes != variables["codebook"]["codes"])
    np.testing.assert_allclose(jnp.linalg.norm(codes, axis=-1), 1.0, atol=1e-5)


def test_training_needs_a_key(variables):
    with pytest.raises(ValueError, match="pass key="):
        MODEL.apply(variables, _latents(), train=True, mutable=["codebook"])


def test_every_code_of_fsq_is_its_own_round_trip():
    tokens = jnp.arange(LEVELS.codebook_size)
    latents = LEVELS.apply({}, tokens, method="lookup")
    assert len({tuple(row) for row in np.asarray(latents).tolist()}) == 60
    wide = jnp.asarray(list(itertools.product(np.linspace(-4, 4, 41), repeat=3)), jnp.float32)
    out = LEVELS.apply({}, wide[:, None, None, None])
    assert set(np.asarray(out.tokens).ravel().tolist()) == set(range(60))
    found = LEVELS.apply({}, out.tokens, method="lookup")
    np.testing.assert_allclose(found, out.latents, atol=1e-6)
    assert 0 <= out.tokens.min() <= out.tokens.max() < 60


def test_fsq_has_a_gradient():
    grad = jax.grad(lambda z: LEVELS.apply({}, z).latents.sum())(_latents(dim=3))
    assert jnp.all(grad != 0)


@pytest.mark.parametrize("levels", [(4, 3), (8, 5, 5), (2, 7)])
def test_fsq_latents_stay_within_one(levels):
    fsq = FSQ(levels)
    codes = fsq.apply({}, jnp.arange(fsq.codebook_size), method="lookup")
    assert jnp.abs(codes).max() <= 1.0
    assert jnp.abs(codes).max(axis=0).min() == 1.0  # every dimension uses its whole range
