"""Codes are found again, followed, revived and differentiated through."""
# pyright: reportAttributeAccessIssue=false, reportCallIssue=false, reportArgumentType=false
# Module.apply is typed as a union with the mutable case, which these tests do not use

import itertools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from futurepred_jax.models.quantizers import FSQ, VQ, codebook_usage

MODEL = VQ(codebook_size=16, dim=4)
PAIR = VQ(codebook_size=16, dim=4, groups=2)
LEVELS = FSQ(levels=(4, 3, 5))


def _latents(b: int = 4, dim: int = 4):
    return jax.random.normal(jax.random.key(3), (b, 2, 4, 4, dim))


@pytest.fixture
def variables():
    return MODEL.init(jax.random.key(0), _latents())


def _trained(model, variables, latents=None):
    latents = _latents() if latents is None else latents
    for step in range(4):
        _, variables = model.apply(variables, latents, train=True, key=jax.random.key(step), mutable=["codebook"])
    return variables


def _group(variables, g: int):
    """The codebook of one group, as that of a VQ without groups."""
    return jax.tree.map(lambda x: x[g : g + 1], variables)


def _codes(model):
    """Every token."""
    return list(itertools.product(*map(range, model.sizes)))


def _collapsed():
    """One code among the latents, the others where no latent is nearest."""
    codes = jnp.zeros((1, 16, 4)).at[:, 0].set(jnp.array([1.0, 0, 0, 0]))
    codes = codes.at[:, 1:].set(jnp.array([-1.0, 0, 0, 0]))
    return {"codebook": {"codes": codes, "counts": jnp.ones((1, 16))}}


def _one_sided():
    return jnp.abs(_latents())


@pytest.mark.parametrize("model", [MODEL, PAIR])
def test_lookup_of_the_tokens_is_the_quantized_latents(model):
    variables = model.init(jax.random.key(0), _latents())
    out = model.apply(variables, _latents())
    assert out.tokens.shape == (4, 2, 4, 4, len(model.sizes))
    np.testing.assert_allclose(model.apply(variables, out.tokens, method="lookup"), out.latents, atol=1e-6)


@pytest.mark.parametrize("model", [PAIR, LEVELS])
def test_codebooks_hold_the_channels_of_every_code(model):
    variables = model.init(jax.random.key(0), _latents(dim=model.dim))
    tokens = jnp.array(_codes(model))
    codebooks = model.apply(variables, method="codebooks")
    found = codebooks[jnp.arange(len(model.sizes)), tokens].reshape(len(tokens), model.dim)
    np.testing.assert_array_equal(found, model.apply(variables, tokens, method="lookup"))
    assert codebooks.shape[-1] == model.code_dim


def test_groups_quantize_and_learn_as_quantizers_of_their_own_channels():
    pair = PAIR.init(jax.random.key(0), _latents())
    for variables in (pair, _trained(PAIR, pair)):
        out = PAIR.apply(variables, _latents())
        for g in range(2):
            half, single = _latents()[..., 2 * g : 2 * g + 2], VQ(codebook_size=16, dim=2)
            alone = _group(pair, g)
            if variables is not pair:
                alone = _trained(single, alone, latents=half)
            np.testing.assert_array_equal(single.apply(alone, half).tokens[..., 0], out.tokens[..., g])
            chex.assert_trees_all_close(alone, _group(variables, g), atol=1e-5)


def test_groups_must_divide_the_channels():
    with pytest.raises(ValueError, match="dim 4 in 3 groups: groups must divide dim"):
        VQ(codebook_size=16, dim=4, groups=3).init(jax.random.key(0), _latents())


def test_usage_counts_the_codes_of_all_digits_and_perplexity_averages_their_entropies():
    usage, perplexity = codebook_usage(jnp.array([[0, 4], [1, 4], [1, 4], [0, 4]]), (2, 5))
    np.testing.assert_allclose(usage, 3 / 7, rtol=1e-6)
    np.testing.assert_allclose(perplexity, np.sqrt(2), rtol=1e-5)  # one bit in the one, none in the other


@pytest.mark.parametrize("revive_below", [0.0, 0.1])
def test_only_revival_brings_a_collapsed_codebook_back(revive_below):
    model, state = VQ(16, 4, decay=0.5, revive_below=revive_below), _collapsed()
    latents = _one_sided()
    for step in range(8):
        out, state = model.apply(state, latents, train=True, key=jax.random.key(step), mutable=["codebook"])
        if step == 0:
            assert codebook_usage(out.tokens, (16,))[0] == 1 / 16
    usage, perplexity = codebook_usage(model.apply(state, latents).tokens, (16,))
    if revive_below:
        assert usage > 0.5
        assert perplexity > 4
    else:
        assert usage == 1 / 16


@pytest.mark.parametrize("model", [MODEL, PAIR])
def test_gradients_pass_straight_through_to_every_group_and_commitment_pulls_it(model):
    variables, groups = model.init(jax.random.key(0), _latents()), (*_latents().shape[:-1], len(model.sizes), -1)
    weights = jax.random.normal(jax.random.key(5), _latents().shape)

    def unquantized(z):
        z = z.reshape(groups)
        return (z / jnp.linalg.norm(z, axis=-1, keepdims=True)).reshape(weights.shape)

    through, want = (
        jax.grad(lambda z: jnp.sum(weights * latents(z)))(_latents())  # noqa: B023
        for latents in (lambda z: model.apply(variables, z).latents, unquantized)
    )
    np.testing.assert_allclose(through, want, rtol=1e-4, atol=1e-5)
    commitment = jax.grad(lambda z: model.apply(variables, z).commitment)(_latents()).reshape(groups)
    assert jnp.all(jnp.any(commitment != 0, axis=-1))


def test_a_warm_start_passes_latents_and_leaves_the_codebook(variables):
    out, after = MODEL.apply(
        variables, _latents(), train=True, key=jax.random.key(0), active=jnp.array(False), mutable=["codebook"]
    )
    unit = _latents() / jnp.linalg.norm(_latents(), axis=-1, keepdims=True)
    np.testing.assert_allclose(out.latents, unit, atol=1e-5)
    assert out.commitment == 0
    chex.assert_trees_all_equal(variables, after)


def test_training_moves_the_codebook_and_keeps_it_on_the_sphere(variables):
    codes = _trained(MODEL, variables)["codebook"]["codes"]
    assert jnp.any(codes != variables["codebook"]["codes"])
    np.testing.assert_allclose(jnp.linalg.norm(codes, axis=-1), 1.0, atol=1e-5)


def test_training_needs_a_key(variables):
    with pytest.raises(ValueError, match="pass key="):
        MODEL.apply(variables, _latents(), train=True, mutable=["codebook"])


def test_every_code_of_fsq_is_its_own_round_trip():
    latents = LEVELS.apply({}, jnp.array(_codes(LEVELS)), method="lookup")
    assert len({tuple(row) for row in np.asarray(latents).tolist()}) == 60
    wide = jnp.asarray(list(itertools.product(np.linspace(-4, 4, 41), repeat=3)), jnp.float32)
    out = LEVELS.apply({}, wide[:, None, None, None])
    assert set(map(tuple, np.asarray(out.tokens).reshape(-1, 3).tolist())) == set(_codes(LEVELS))
    found = LEVELS.apply({}, out.tokens, method="lookup")
    np.testing.assert_allclose(found, out.latents, atol=1e-6)


def test_fsq_has_a_gradient():
    grad = jax.grad(lambda z: LEVELS.apply({}, z).latents.sum())(_latents(dim=3))
    assert jnp.all(grad != 0)


@pytest.mark.parametrize("levels", [(4, 3), (8, 5, 5), (2, 7)])
def test_fsq_latents_stay_within_one(levels):
    fsq = FSQ(levels)
    codes = fsq.apply({}, jnp.array(_codes(fsq)), method="lookup")
    assert jnp.abs(codes).max() <= 1.0
    assert jnp.abs(codes).max(axis=0).min() == 1.0  # every dimension uses its whole range
