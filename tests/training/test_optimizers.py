import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from optax import contrib

from futurepred_jax.models.transformer import Transformer
from futurepred_jax.training.optimizers import adamw, hidden_kernels, muon, warmup_cosine
from futurepred_jax.training.step import learning_rate

PARAMS = {"kernel": jnp.full((4, 2), 3.0), "bias": jnp.full(2, 3.0)}
NETWORK = {
    "dense": {"kernel": (12, 8), "bias": (8,)},
    "convolution": {"kernel": (3, 1, 1, 5, 24), "bias": (24,)},
    "table": {"embedding": (9, 12)},
    "norm": {"scale": (12,)},
    "heads_0": {"kernel": (12, 9)},
}
both = pytest.mark.parametrize("make", [adamw, muon])


def test_the_rate_warms_up_linearly_peaks_and_falls_by_half_a_cosine():
    schedule = jax.vmap(warmup_cosine(0.8, warmup_steps=3, steps=11, end_factor=0.25))
    rates = np.asarray(schedule(jnp.array([0, 1, 2, 3, 7, 11, 50])))
    np.testing.assert_allclose(rates, [0.2, 0.4, 0.6, 0.8, (0.8 + 0.2) / 2, 0.2, 0.2], rtol=1e-6)


def first_update(optimizer, grads):
    return jax.jit(lambda grads: optimizer.update(grads, optimizer.init(PARAMS), PARAMS))(grads)


@both
def test_decay_shrinks_matrices_and_leaves_biases(make):
    optimizer = make(learning_rate=0.1, warmup_steps=0, steps=10, weight_decay=0.5)
    updates, _ = first_update(optimizer, jax.tree.map(jnp.zeros_like, PARAMS))
    np.testing.assert_allclose(updates["kernel"], -0.1 * 0.5 * 3.0, rtol=1e-6)
    np.testing.assert_array_equal(updates["bias"], 0.0)


def test_gradients_are_clipped_by_their_global_norm():
    optimizer = adamw(learning_rate=0.1, warmup_steps=0, steps=10, clip_norm=2.0, b1=0.9)
    grads = jax.tree.map(lambda x: 1e3 * jnp.ones_like(x), PARAMS)
    _, state = first_update(optimizer, grads)
    moment = optax.tree.get(state, "mu")
    np.testing.assert_allclose(optax.tree.norm(moment), (1 - 0.9) * 2.0, rtol=1e-5)


@both
def test_the_rate_can_be_read_from_the_state(make):
    optimizer = make(learning_rate=0.8, warmup_steps=3, steps=11)
    _, state = first_update(optimizer, PARAMS)
    rate = learning_rate(state)
    assert rate is not None
    assert float(rate) == pytest.approx(0.2)
    assert learning_rate(optax.sgd(0.1).init(PARAMS)) is None


def last_update(make):
    """Of three updates of NETWORK with gradients whose rows differ much in size, at a constant rate of 0.5."""
    optimizer = make(learning_rate=0.5, warmup_steps=0, steps=10, end_factor=1.0, weight_decay=0.1)
    is_shape = lambda x: isinstance(x, tuple)  # noqa: E731
    params = jax.tree.map(jnp.ones, NETWORK, is_leaf=is_shape)
    state, updates, update = optimizer.init(params), None, jax.jit(optimizer.update)
    for key in jax.random.split(jax.random.key(0), 3):
        rows = lambda shape: jnp.geomspace(1.0, 10.0, shape[-1])  # noqa: E731
        grads = jax.tree.map(lambda s: rows(s) * jax.random.normal(key, s), NETWORK, is_leaf=is_shape)  # noqa: B023
        updates, state = update(grads, state, params)
    assert updates is not None
    return updates


def test_muon_moves_kernels_by_orthogonal_matrices_of_the_size_of_adamws_updates():
    updates = last_update(muon)
    for name in ("dense", "convolution"):
        step = np.asarray(updates[name]["kernel"]).reshape(-1, NETWORK[name]["kernel"][-1]) + 0.5 * 0.1  # less decay
        singular = np.linalg.svd(step, compute_uv=False)
        assert singular.max() < 1.7 * singular.min()
        np.testing.assert_allclose(np.sqrt(np.mean(step**2)), 0.2 * 0.5, rtol=0.25)


def test_muon_moves_all_but_hidden_kernels_as_adamw_does():
    ours, adamws = last_update(muon), last_update(adamw)
    for module, name in [("table", "embedding"), ("heads_0", "kernel"), ("norm", "scale"), ("dense", "bias")]:
        np.testing.assert_allclose(ours[module][name], adamws[module][name], rtol=1e-5, err_msg=module)


def test_hidden_kernels_of_a_transformer_are_those_of_its_input_blocks_and_mixers():
    transformer = Transformer(sizes=(5, 3), grid=(2, 2, 2), width=8, depth=1, heads=2)
    params = jax.eval_shape(transformer.init, jax.random.key(0), jnp.zeros((1, 8, 2), int))["params"]
    is_spec = lambda x: isinstance(x, contrib.MuonDimensionNumbers)  # noqa: E731
    found = jax.tree_util.tree_leaves_with_path(hidden_kernels(params), is_leaf=is_spec)
    names = {"/".join(entry.key for entry in path) for path, _ in found}
    block = {f"blocks_0/{name}/kernel" for name in ("qkv", "out", "up", "down")}
    assert names == block | {"input/mix/kernel", "head/mixers_0/kernel"}


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"warmup_steps": 10}, "less than steps"),
        ({"learning_rate": 0.0}, "positive"),
        ({"clip_norm": -1.0}, "positive"),
    ],
)
@both
def test_numbers_out_of_range_are_refused(make, changes, rule):
    with pytest.raises(ValueError, match=rule):
        make(**{"learning_rate": 0.1, "warmup_steps": 2, "steps": 10, **changes})
