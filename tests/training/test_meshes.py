"""Eight devices train what one does, whatever the mesh, and many small turns what one large batch does."""

import functools

import jax
import numpy as np
import optax
import pytest
from config_jobs import RATE, make_job

from futurepred_jax.configs import NAMES
from futurepred_jax.training import inputs
from futurepred_jax.training.program import make_program

EACH_WAY = {"data": 2, "fsdp": 2, "tensor": 2}
MESHES = [EACH_WAY, {"data": 8}, {"data": 2, "fsdp": 4}]
QUICK = [("tokenizer", EACH_WAY), ("outlook", EACH_WAY)]
WITHOUT_PAIRS = ("classification", "magvit_v1", "outlook")  # of layers, which the axis "tensor" splits
IN_TURNS = ("baseline", "tokenizer")
CASES = [
    pytest.param(config, mesh, id=f"{config}-{'x'.join(map(str, mesh.values()))}", marks=marks)
    for config in NAMES
    for mesh in MESHES
    for marks in [() if (config, mesh) in QUICK else pytest.mark.slow]
]


def train(job, start=None, devices=None):
    """States after 0, 1 and 3 steps, the metrics of each step, and the last state on its devices."""
    program = make_program(job, devices)
    state = (
        program.init()
        if start is None
        else jax.device_put(start, jax.tree.map(lambda leaf: leaf.sharding, program.abstract))
    )
    states, logged = [jax.device_get(state)], []
    with inputs.training_batches(job, program.batch, start=0) as batches:
        for _ in range(3):
            state, metrics = program.step(state, next(batches))
            states.append(jax.device_get(state))
            logged.append(jax.device_get(metrics))
    return states, logged, state


@functools.cache
def alone(config):
    return train(make_job(config), devices=jax.devices()[:1])


def gradients(states):
    return optax.tree_utils.tree_get(states[1].opt_state, "trace")


def assert_close(left, right, tolerance=1e-5):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance), left, right)


def assert_same_training(found, expected):
    assert_close(gradients(found[0]), gradients(expected[0]))
    assert_close(found[0][-1].params, expected[0][-1].params)
    assert_close(found[0][-1].model_state, expected[0][-1].model_state)  # the codebook is global
    assert_close(found[1][:2], expected[1][:2])
    assert_close(found[1][2], expected[1][2], 1e-4)  # norms, too, of what two steps of rounding have moved
    moved = jax.tree.map(lambda a, b: np.abs(a - b).max(), expected[0][0].params, expected[0][-1].params)
    assert max(jax.tree.leaves(moved)) > RATE / 50


@pytest.mark.parametrize(("config", "mesh"), CASES)
def test_eight_devices_train_as_one_does(config, mesh):
    *found, state = train(make_job(config, mesh_shape=mesh), alone(config)[0][0])
    assert_same_training(found, alone(config))
    split = max(leaf.size // leaf.addressable_shards[0].data.size for leaf in jax.tree.leaves(state.params))
    assert split == mesh.get("fsdp", 1) * (1 if config in WITHOUT_PAIRS else mesh.get("tensor", 1))


@pytest.mark.slow
@pytest.mark.parametrize("config", IN_TURNS)
def test_a_batch_in_four_turns_has_the_gradients_of_the_whole(config):
    assert_same_training(train(make_job(config, accumulate=4), alone(config)[0][0], jax.devices()[:1]), alone(config))
