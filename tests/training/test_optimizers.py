import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import traverse_util

from futurepred_jax.models.transformer import Transformer
from futurepred_jax.training.optimizers import adamw, adamw_by_part, hidden_kernels, muon, warmup_cosine, with_rates
from futurepred_jax.training.step import learning_rate

PARAMS = {"kernel": jnp.full((4, 2), 3.0), "bias": jnp.full(2, 3.0)}
NETWORK = {
    "dense": {"kernel": (12, 8), "bias": (8,)},
    "convolution": {"kernel": (3, 1, 1, 5, 24), "bias": (24,)},
    "table": {"embedding": (9, 12)},
    "norm": {"scale": (12,)},
    "heads_0": {"kernel": (12, 9)},
}
both = pytest.mark.parametrize("make", [adamw, functools.partial(muon, adam_learning_rate=0.1)], ids=["adamw", "muon"])


def test_the_rate_warms_up_linearly_peaks_and_falls_by_half_a_cosine():
    schedule = jax.vmap(warmup_cosine(0.8, warmup_steps=3, steps=11, end_factor=0.25))
    rates = np.asarray(schedule(jnp.array([0, 1, 2, 3, 7, 11, 50])))
    np.testing.assert_allclose(rates, [0.2, 0.4, 0.6, 0.8, (0.8 + 0.2) / 2, 0.2, 0.2], rtol=1e-6)


def first_update(optimizer, grads):
    return jax.jit(lambda grads: optimizer.update(grads, optimizer.init(PARAMS), PARAMS))(grads)


@both
def test_decay_shrinks_matrices_and_with_adamw_leaves_biases(make):
    optimizer = make(learning_rate=0.1, warmup_steps=0, steps=10, weight_decay=0.5)
    updates, _ = first_update(optimizer, jax.tree.map(jnp.zeros_like, PARAMS))
    np.testing.assert_allclose(updates["kernel"], -0.1 * 0.5 * 3.0, rtol=1e-6)
    np.testing.assert_allclose(updates["bias"], 0.0 if make is adamw else updates["kernel"][0], rtol=1e-6)


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


@functools.cache
def last_update(make, **kwargs):
    """Of three updates of NETWORK with gradients whose columns differ much in size, at a constant rate."""
    optimizer = make(**kwargs, warmup_steps=0, steps=10, end_factor=1.0, weight_decay=0.1)
    is_shape = lambda x: isinstance(x, tuple)  # noqa: E731
    params = jax.tree.map(jnp.ones, NETWORK, is_leaf=is_shape)
    state, updates, update = optimizer.init(params), None, jax.jit(optimizer.update)
    for key in jax.random.split(jax.random.key(0), 3):
        scale = lambda shape: jnp.geomspace(1.0, 10.0, shape[-1])  # noqa: E731
        grads = jax.tree.map(lambda s: scale(s) * jax.random.normal(key, s), NETWORK, is_leaf=is_shape)  # noqa: B023
        updates, state = update(grads, state, params)
    assert updates is not None
    return updates


@pytest.mark.parametrize(("name", "size"), [("dense", 1.0), ("convolution", np.sqrt(24 / 15))])
def test_muon_moves_hidden_kernels_by_nearly_orthogonal_matrices(name, size):
    kernel = last_update(muon, learning_rate=0.5, adam_learning_rate=0.01)[name]["kernel"]
    decay = -0.5 * 0.1
    singular = np.linalg.svd(np.reshape(kernel, (-1, kernel.shape[-1])) - decay, compute_uv=False)
    assert singular.max() < 1.7 * singular.min()
    np.testing.assert_allclose(singular, 0.5 * size, rtol=0.35)


def nadamw(learning_rate, weight_decay, **_):
    return optax.chain(
        optax.clip_by_global_norm(1.0), optax.adamw(learning_rate, b2=0.99, weight_decay=weight_decay, nesterov=True)
    )


def test_muon_moves_all_but_hidden_kernels_as_nadamw_does():
    ours = last_update(muon, learning_rate=0.5, adam_learning_rate=0.01)
    theirs = last_update(nadamw, learning_rate=0.01)
    for module, name in [("table", "embedding"), ("heads_0", "kernel"), ("norm", "scale"), ("dense", "bias")]:
        np.testing.assert_allclose(ours[module][name], theirs[module][name], rtol=1e-5, err_msg=module)


def test_hidden_kernels_of_a_transformer_are_all_kernels_but_the_heads():
    transformer = Transformer(sizes=(5, 3), grid=(2, 2, 2), width=16, depth=1, heads=2)
    shapes = jax.eval_shape(transformer.init, jax.random.key(0), jnp.zeros((1, 8, 2), int))["params"]
    takes = traverse_util.flatten_dict(hidden_kernels(shapes), sep="/")
    hidden = {name for name, taken in takes.items() if taken}
    kernels = {name for name in takes if name.endswith("/kernel")}
    assert kernels - hidden == {"head/heads_0/kernel", "head/heads_1/kernel"}
    assert hidden <= kernels


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


def test_muon_refuses_a_rate_of_adamw_that_is_not_positive():
    with pytest.raises(ValueError, match="positive"):
        muon(learning_rate=0.1, adam_learning_rate=0.0, warmup_steps=2, steps=10)


@both
def test_a_part_at_a_share_of_the_rate_takes_that_share_of_every_update_decay_included(make):
    def updates(rates):
        optimizer = with_rates(make(learning_rate=0.1, warmup_steps=0, steps=10, weight_decay=0.5), rates)
        params = {"slow": PARAMS, "fast": PARAMS}
        grads = jax.tree.map(lambda x: 1e-3 * x, params)
        return jax.jit(lambda: optimizer.update(grads, optimizer.init(params), params)[0])()

    whole, shared = updates({}), updates({"slow": 0.25})
    jax.tree.map(lambda a, b: np.testing.assert_allclose(0.25 * a, b, rtol=1e-5), whole["slow"], shared["slow"])
    jax.tree.map(np.testing.assert_array_equal, whole["fast"], shared["fast"])


def test_the_rate_of_a_part_that_is_not_there_is_refused():
    optimizer = with_rates(optax.sgd(0.1), {"kern": 0.5})
    with pytest.raises(ValueError, match=r"rates of kern.*there are kernel, bias"):
        optimizer.init(PARAMS)


def test_a_pathway_s_network_is_not_orthogonalised():
    arrays = {"network": {"stem": {"kernel": jnp.zeros((3, 4))}}, "project": {"kernel": jnp.zeros((3, 4))}}
    takes = hidden_kernels({"pathway": arrays})["pathway"]
    assert not takes["network"]["stem"]["kernel"]
    assert takes["project"]["kernel"]


def test_a_part_s_gradient_is_clipped_by_its_own_norm_and_moves_no_other():
    optimizer = adamw_by_part(learning_rate=0.1, warmup_steps=0, steps=10, clip_norm=2.0, b1=0.9)
    parts = {"tokenizer": PARAMS, "discriminator": PARAMS}
    small = jax.tree.map(lambda x: 0.1 * jnp.ones_like(x), PARAMS)
    huge = jax.tree.map(lambda x: 1e3 * jnp.ones_like(x), PARAMS)

    @jax.jit
    def moment(other):
        grads = {"tokenizer": small, "discriminator": other}
        _, state = optimizer.update(grads, optimizer.init(parts), parts)
        return optax.tree.get(state, "mu"), learning_rate(state)

    (alone, _), (beside, rate) = moment(small), moment(huge)
    jax.tree.map(np.testing.assert_array_equal, alone["tokenizer"], beside["tokenizer"])
    np.testing.assert_allclose(optax.tree.norm(beside["discriminator"]), (1 - 0.9) * 2.0, rtol=1e-5)
    assert float(rate) == pytest.approx(0.1)
