import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from futurepred_jax.training.optimizers import adamw, warmup_cosine
from futurepred_jax.training.step import learning_rate

PARAMS = {"kernel": jnp.full((4, 2), 3.0), "bias": jnp.full(2, 3.0)}


def test_the_rate_warms_up_linearly_peaks_and_falls_by_half_a_cosine():
    schedule = jax.vmap(warmup_cosine(0.8, warmup_steps=3, steps=11, end_factor=0.25))
    rates = np.asarray(schedule(jnp.array([0, 1, 2, 3, 7, 11, 50])))
    np.testing.assert_allclose(rates, [0.2, 0.4, 0.6, 0.8, (0.8 + 0.2) / 2, 0.2, 0.2], rtol=1e-6)


def first_update(optimizer, grads):
    return jax.jit(lambda grads: optimizer.update(grads, optimizer.init(PARAMS), PARAMS))(grads)


def test_decay_shrinks_matrices_and_leaves_biases():
    optimizer = adamw(learning_rate=0.1, warmup_steps=0, steps=10, weight_decay=0.5)
    updates, _ = first_update(optimizer, jax.tree.map(jnp.zeros_like, PARAMS))
    np.testing.assert_allclose(updates["kernel"], -0.1 * 0.5 * 3.0, rtol=1e-6)
    np.testing.assert_array_equal(updates["bias"], 0.0)


def test_gradients_are_clipped_by_their_global_norm():
    optimizer = adamw(learning_rate=0.1, warmup_steps=0, steps=10, clip_norm=2.0, b1=0.9)
    grads = jax.tree.map(lambda x: 1e3 * jnp.ones_like(x), PARAMS)
    _, state = first_update(optimizer, grads)
    moment = optax.tree.get(state, "mu")
    np.testing.assert_allclose(optax.tree.norm(moment), (1 - 0.9) * 2.0, rtol=1e-5)


def test_the_rate_can_be_read_from_the_state():
    optimizer = adamw(learning_rate=0.8, warmup_steps=3, steps=11)
    _, state = first_update(optimizer, PARAMS)
    rate = learning_rate(state)
    assert rate is not None
    assert float(rate) == pytest.approx(0.2)
    assert learning_rate(optax.sgd(0.1).init(PARAMS)) is None


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"warmup_steps": 10}, "less than steps"),
        ({"learning_rate": 0.0}, "positive"),
        ({"clip_norm": -1.0}, "positive"),
    ],
)
def test_numbers_out_of_range_are_refused(changes, rule):
    with pytest.raises(ValueError, match=rule):
        adamw(**{"learning_rate": 0.1, "warmup_steps": 2, "steps": 10, **changes})
