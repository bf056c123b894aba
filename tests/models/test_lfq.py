"""LFQ: signs are codes, digits factorise the bits, and the entropy penalty is what the formula says."""
# pyright: reportAttributeAccessIssue=false, reportArgumentType=false, reportCallIssue=false
# Module.apply is typed as a union with the mutable case, which these tests do not use

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from futurepred_jax.models.lfq import LFQ

MODEL = LFQ(bits=6, groups=2)


def _latents(scale: float = 1.0):
    return scale * jax.random.normal(jax.random.key(3), (2, 2, 4, 4, MODEL.dim))


def test_every_code_is_its_own_round_trip_and_its_bits_are_the_signs():
    tokens = jnp.array(list(itertools.product(*map(range, MODEL.sizes))))
    latents = MODEL.apply({}, tokens, method="lookup")
    assert len({tuple(row) for row in np.asarray(latents).tolist()}) == 2**6
    out = MODEL.apply({}, 0.3 * latents[None, None, None])
    np.testing.assert_array_equal(out.tokens[0, 0, 0], tokens)
    np.testing.assert_array_equal(out.latents[0, 0, 0], latents)


def test_codebooks_hold_the_bits_of_every_code_of_every_digit():
    tokens = jnp.array([[5, 0], [1, 7]])
    codebooks = MODEL.apply({}, method="codebooks")
    assert codebooks.shape == (2, 8, MODEL.code_dim)
    found = codebooks[jnp.arange(2), tokens].reshape(2, 6)
    np.testing.assert_array_equal(found, MODEL.apply({}, tokens, method="lookup"))
    np.testing.assert_array_equal(found[0], [1, -1, 1, -1, -1, -1])  # 5 is 101, the most significant bit first


def test_the_entropy_penalty_is_that_of_the_softmax_over_all_codes_of_a_digit():
    latents = np.asarray(_latents(0.5), np.float64).reshape(-1, 2, 3)
    codes = np.array(list(itertools.product([-1.0, 1.0], repeat=3)))
    distances = ((latents[:, :, None] - codes) ** 2).sum(-1)
    p = np.exp(-distances / 0.7)
    p /= p.sum(-1, keepdims=True)
    entropy = lambda p: -(p * np.log(p)).sum(-1)  # noqa: E731
    want = np.mean(entropy(p)) - np.mean(entropy(p.mean(0)))
    found = MODEL.clone(temperature=0.7).apply({}, _latents(0.5)).entropy
    np.testing.assert_allclose(found, want, rtol=1e-5)


def test_the_penalty_is_least_where_latents_are_sure_and_codes_equally_frequent():
    every = MODEL.apply({}, jnp.array(list(itertools.product(range(8), range(8)))), method="lookup")
    sure = MODEL.apply({}, 3 * every[None, None, None]).entropy
    np.testing.assert_allclose(sure, -np.log(8), rtol=1e-3)
    for collapsed in (3 * jnp.ones((1, 1, 2, 2, 6)), jnp.zeros((1, 1, 2, 2, 6))):
        np.testing.assert_allclose(MODEL.apply({}, collapsed).entropy, 0, atol=1e-3)


def test_the_penalty_spreads_collapsed_latents_over_the_codes():
    latents = 0.5 + 0.1 * jax.random.normal(jax.random.key(0), (1, 4, 8, 8, 6))
    slope = jax.jit(jax.grad(lambda z: MODEL.apply({}, z).entropy))
    assert np.unique(MODEL.apply({}, latents).tokens).size == 1
    for _ in range(100):
        latents -= 100 * slope(latents)
    assert np.unique(MODEL.apply({}, latents).tokens[..., 0]).size == 8


@pytest.mark.parametrize("scale", [0.0, 1e-3, 1e4])
def test_gradients_stay_finite_however_large_the_latents(scale):
    def value(z):
        out = MODEL.apply({}, z)
        return out.latents.sum() + out.commitment + out.entropy

    grad = jax.grad(value)(_latents(scale))
    assert jnp.isfinite(grad).all()
    assert jnp.all(grad != 0)


@pytest.mark.parametrize("active", [False, True])
def test_gradients_stay_finite_where_all_latents_are_near_one_code(active):
    model = LFQ(bits=12)
    slope = jax.grad(lambda z: model.apply({}, z, active=jnp.array(active)).entropy)
    latents = 2 + 0.01 * jax.random.normal(jax.random.key(0), (1, 2, 4, 4, model.dim))
    assert jnp.isfinite(slope(latents)).all()


def test_a_warm_start_passes_the_latents():
    out = MODEL.apply({}, _latents(), active=jnp.array(False))
    np.testing.assert_array_equal(out.latents, _latents())
    assert out.commitment == out.entropy == 0


def test_groups_must_divide_the_bits():
    with pytest.raises(ValueError, match="6 bits in 4 groups: groups must divide bits"):
        LFQ(bits=6, groups=4).apply({}, _latents())
