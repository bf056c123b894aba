"""A codebook starts in the middle of its latents, and stays alive by revival while training."""

import jax
import jax.numpy as jnp
import numpy as np

from futurepred_jax.models.quantizers import VQ, codebook_usage

CLUSTERS = 8


def _clusters(key=0, n: int = 512):
    """Latents around eight directions of the plane."""
    which, noise = jax.random.split(jax.random.key(key))
    angle = jax.random.randint(which, (n,), 0, CLUSTERS) * 2 * jnp.pi / CLUSTERS
    angle += 0.05 * jax.random.normal(noise, (n,))
    return jnp.stack([jnp.cos(angle), jnp.sin(angle)], -1)[None, None, None]


def _step(model, state, latents, seed: int = 1):
    return model.apply(state, latents, train=True, key=jax.random.key(seed), mutable=["codebook"])


def _error_after_one_step(kmeans: int) -> float:
    """Distance of latents all over the sphere to their codes."""
    model, latents = VQ(16, 4, kmeans=kmeans), jax.random.normal(jax.random.key(4), (1, 1, 32, 32, 4))
    _, state = _step(model, model.init(jax.random.key(0), latents), latents)
    out, _ = _step(model, state, latents[:, :, ::-1] * 0.5)
    return float(out.commitment)


def test_k_means_starts_a_codebook_nearer_to_its_latents_than_a_random_draw():
    random, started = _error_after_one_step(0), _error_after_one_step(20)
    assert started < 0.9 * random


def test_k_means_fills_a_codebook_that_the_latents_outnumber_with_unit_codes():
    model = VQ(CLUSTERS, 2, kmeans=20)
    _, state = _step(model, model.init(jax.random.key(0), _clusters()), _clusters())
    np.testing.assert_allclose(jnp.linalg.norm(state["codebook"]["codes"], axis=-1), 1, atol=1e-5)
    np.testing.assert_array_equal(state["codebook"]["counts"], 1)


def test_k_means_runs_at_the_first_quantized_step_alone():
    ours, plain = (VQ(CLUSTERS, 2, kmeans=kmeans, revive_below=0.0) for kmeans in (20, 0))
    first = ours.init(jax.random.key(0), _clusters())
    _, warm = ours.apply(first, _clusters(), train=True, key=jax.random.key(1), active=False, mutable=["codebook"])
    np.testing.assert_array_equal(warm["codebook"]["codes"], first["codebook"]["codes"])
    _, started = _step(ours, warm, _clusters())
    assert jnp.any(started["codebook"]["codes"] != first["codebook"]["codes"])
    one, other = (_step(model, started, _clusters(2))[1]["codebook"]["codes"] for model in (ours, plain))
    np.testing.assert_array_equal(one, other)


def _usage_after_training(revive_below: float) -> float:
    """An encoder of one matrix that learns to draw points in a disc by their codes, its codebook started elsewhere."""
    model = VQ(32, 4, decay=0.9, revive_below=revive_below)
    points = jax.random.normal(jax.random.key(0), (1, 1, 16, 16, 4))
    weights = {"encoder": 0.1 * jnp.eye(4) + 1.0 * jnp.ones((4, 4)), "decoder": jnp.eye(4)}
    codes = jnp.zeros((1, 32, 4)).at[:, :, 0].set(-1.0).at[0, 0].set(0.5)
    state = {"codebook": {"codes": codes, "counts": jnp.ones((1, 32))}}

    @jax.jit
    def step(weights, state, seed):
        def loss(weights):
            latents = points @ weights["encoder"] + 3.0
            out, after = model.apply(state, latents, train=True, key=jax.random.key(seed), mutable=["codebook"])
            drawn = out.latents @ weights["decoder"]
            return jnp.mean((drawn - points) ** 2) + 0.25 * out.commitment, (out.tokens, after)

        grads, (tokens, after) = jax.grad(loss, has_aux=True)(weights)
        return jax.tree.map(lambda w, g: w - 0.1 * g, weights, grads), after, tokens

    tokens = jnp.zeros((1, 1))
    for seed in range(60):
        weights, state, tokens = step(weights, state, seed)
    return float(codebook_usage(tokens, model.sizes)[0])


def test_a_trained_codebook_collapses_without_revival_and_not_with_it():
    assert _usage_after_training(0.0) <= 0.25
    assert _usage_after_training(0.1) >= 0.8
