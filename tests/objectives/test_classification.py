"""A classifier learns labels of the first slot, from the context alone."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn

from futurepred_jax.models.resnet3d import Endpoints
from futurepred_jax.objectives.classification import ClassificationObjective


class Network(nn.Module):
    """Classes by the mean colour, after BatchNorm and dropout."""

    @nn.compact
    def __call__(self, video, *, train: bool = False) -> Endpoints:
        mean = nn.BatchNorm(use_running_average=not train, momentum=0.9)(video.mean((1, 2, 3)))
        mean = nn.Dropout(0.1, deterministic=not train)(mean)
        return Endpoints({}, nn.Dense(5)(mean))


OBJECTIVE = ClassificationObjective(Network(), {"family": 3, "shape": 2}, context_shape=(2, 8, 8), frames=4, side=8)


@pytest.fixture(scope="module")
def clips():
    """The brighter of the three colours of the context is the family, whether it is dark the shape."""
    family, shape = jnp.arange(48) % 3, jnp.arange(48) // 3 % 2
    colour = jnp.where(jnp.arange(3) == family[:, None], 250 - 130 * shape[:, None], 20)
    noisy = jnp.broadcast_to(colour[:, None, None, None], (48, 5, 8, 8, 3)).astype(jnp.uint8)
    noisy = noisy.at[:, 2:].set(255 - noisy[:, 2:])  # the future says the opposite
    slots = lambda first: jnp.stack([first, first * 0], axis=1).astype(jnp.int8)  # noqa: E731
    return {"noisy": noisy, "family": slots(family), "shape": slots(shape)}


@pytest.fixture(scope="module")
def trained(clips):
    optimizer = optax.adam(0.05)

    def step(carry, key):
        params, state, moments = carry
        loss = lambda p: OBJECTIVE.loss(p, state, clips, key=key, step=jnp.array(0))[:2]  # noqa: E731
        (value, state), grads = jax.value_and_grad(loss, has_aux=True)(params)
        updates, moments = optimizer.update(grads, moments, params)
        return (optax.apply_updates(params, updates), state, moments), value

    params, state = OBJECTIVE.init(jax.random.key(0))
    start = (params, state, optimizer.init(params))
    (params, state, _), losses = jax.jit(lambda s, keys: jax.lax.scan(step, s, keys))(
        start, jax.random.split(jax.random.key(1), 150)
    )
    return params, state, losses


def test_the_loss_falls(trained):
    assert trained[2][-1] < 0.5 * trained[2][0]


def test_both_labels_are_learned_and_counted(trained, clips):
    scores = jax.jit(OBJECTIVE.validate)(*trained[:2], clips)
    assert scores["family_accuracy"] > 0.95
    assert scores["shape_accuracy"] > 0.95
    wrong = {**clips, "family": (clips["family"] + 1) % 3}
    assert jax.jit(OBJECTIVE.validate)(*trained[:2], wrong)["family_accuracy"] < 0.05


def test_nothing_of_the_future_is_seen(trained, clips):
    other = clips["noisy"].at[:, 2:].set(7)
    logits = jax.jit(OBJECTIVE.logits)
    np.testing.assert_array_equal(logits(*trained[:2], clips["noisy"]), logits(*trained[:2], other))


def test_logits_are_split_in_the_order_of_the_labels():
    parts = OBJECTIVE.split(jnp.arange(5.0)[None])
    np.testing.assert_array_equal(parts["family"], [[0, 1, 2]])
    np.testing.assert_array_equal(parts["shape"], [[3, 4]])
