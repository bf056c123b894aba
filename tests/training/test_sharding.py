from typing import NamedTuple
from unittest.mock import MagicMock

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.sharding import NamedSharding, PartitionSpec
from regression_job import arrays, init, loss

from futurepred_jax.training import sharding
from futurepred_jax.training.sharding import LargestAxis, make_mesh
from futurepred_jax.training.state import TrainState, initial_state
from futurepred_jax.training.step import make_train_step

EVERYTHING = ((".*", LargestAxis(min_size=1)),)


def test_a_mesh_uses_every_device():
    assert dict(make_mesh({"data": -1}).shape) == {"data": 8, "fsdp": 1, "tensor": 1}
    assert dict(make_mesh({"data": 2, "fsdp": -1}).shape) == {"data": 2, "fsdp": 4, "tensor": 1}
    assert make_mesh({}, jax.devices()[:1]).size == 1


@pytest.mark.parametrize("shape", [{"data": 4}, {"data": 3, "fsdp": -1}, {"data": -1, "fsdp": -1}, {"data": 0}])
def test_a_mesh_that_leaves_devices_over_is_refused(shape):
    with pytest.raises(ValueError, match="8 devices exactly"):
        make_mesh(shape)


def test_an_unknown_mesh_axis_is_refused():
    with pytest.raises(ValueError, match="data, fsdp, tensor"):
        make_mesh({"model": 8})


def test_the_largest_divisible_axis_of_big_arrays_is_sharded():
    mesh = make_mesh({"fsdp": 4, "data": 2})
    rule = LargestAxis(min_size=64)
    assert rule.spec((3, 8, 16), mesh) == PartitionSpec(None, None, "fsdp")
    assert rule.spec((8, 4, 18), mesh) == PartitionSpec("fsdp")  # 18 is larger, but not a multiple of 4
    assert rule.spec((4, 8), mesh) == PartitionSpec()  # small
    assert rule.spec((9, 9), mesh) == PartitionSpec()  # indivisible
    assert rule.spec((3, 8, 16), make_mesh({"data": 8})) == PartitionSpec()


def test_the_first_rule_that_matches_a_path_places_the_array():
    mesh = make_mesh({"fsdp": 4, "tensor": 2})
    leaf = jax.ShapeDtypeStruct((8, 16), jnp.float32)
    tree = {"block": {"up": leaf, "norm": leaf, "count": jax.ShapeDtypeStruct((), jnp.int32)}}
    rules = (("block/up$", PartitionSpec("fsdp", "tensor")), ("block/.*", PartitionSpec(None, "fsdp")))
    placed = sharding.place(tree, mesh, rules)["block"]
    assert placed["up"].sharding.spec == PartitionSpec("fsdp", "tensor")
    assert placed["norm"].sharding.spec == PartitionSpec(None, "fsdp")
    assert placed["count"].sharding.spec == PartitionSpec()
    assert sharding.place(tree, mesh, sharding.DATA_PARALLEL)["block"]["up"].sharding.spec == PartitionSpec()


@pytest.mark.parametrize("spec", [PartitionSpec("fsdp", None), PartitionSpec(("fsdp", "tensor"))])
def test_a_rule_that_does_not_fit_its_array_is_refused_by_name(spec):
    tree = {"bias": jax.ShapeDtypeStruct((4,), jnp.float32)}
    with pytest.raises(ValueError, match="bias of shape"):
        sharding.place(tree, make_mesh({"fsdp": 4, "tensor": 2}), ((".*", spec),))


def test_a_batch_that_the_mesh_does_not_divide_is_refused():
    with pytest.raises(ValueError, match="12 does not divide over data x fsdp = 8"):
        sharding.batch_sharding(make_mesh({"data": 2, "fsdp": 4}), 12)


@pytest.mark.parametrize(
    ("owners", "wanted"),
    [
        ([0, 0, 1, 1], (0, 2)),  # data=2, tensor=2: each process has its rows
        ([0, 1, 0, 1], (0, 1)),  # each pair of tensor devices spans the two processes
        ([0, 0, 1, 2], (0, 2)),
        ([1, 1, 0, 0], (1, 2)),
    ],
)
def test_processes_with_the_same_rows_read_the_same_share(owners, wanted):
    rows = [slice(0, 4), slice(0, 4), slice(4, 8), slice(4, 8)]
    assert sharding.process_slice(held_by(owners, rows), 8) == wanted


def test_processes_with_some_rows_in_common_are_refused():
    rows = [slice(0, 4), slice(4, 8), slice(0, 4), slice(0, 4)]
    with pytest.raises(ValueError, match="let tensor divide a process's devices, or be a multiple"):
        sharding.process_slice(held_by([0, 0, 1, 1], rows), 8)


class Device(NamedTuple):
    number: int
    process_index: int


def held_by(owners, rows):
    """A sharding in which each device, of a process, holds some rows."""
    devices = [Device(*each) for each in enumerate(owners)]
    held = {device: (part,) for device, part in zip(devices, rows, strict=True)}
    found = MagicMock(NamedSharding)
    found.mesh.shape = {}
    found.devices_indices_map.return_value = held
    return found


def train(mesh, rules, steps):
    """Parameters and first gradients (as an SGD update) of a few steps of SGD on ``mesh``."""
    optimizer = optax.sgd(0.1)
    fresh = lambda key: initial_state(init, optimizer, key, ema=True)  # noqa: E731
    abstract = sharding.place(jax.eval_shape(fresh, jax.random.key(0)), mesh, rules)
    layout = jax.tree.map(lambda leaf: leaf.sharding, abstract)
    batches = sharding.batch_sharding(mesh, 32)
    step = jax.jit(
        make_train_step(loss, optimizer, ema_decay=0.9), in_shardings=(layout, batches, None), donate_argnums=0
    )
    states = [jax.jit(fresh, out_shardings=layout)(jax.random.key(0))]
    history = [jax.device_get(states[0].params)]
    for number in range(steps):
        batch = sharding.global_batch(arrays(32, seed=number), batches)
        state, _ = step(states.pop(), batch, jax.random.key(1))
        states.append(state)
        history.append(jax.device_get(state.params))
    return states[0], history


def gradients(history):
    return jax.tree.map(lambda before, after: (before - after) / 0.1, history[0], history[1])


def assert_close(left, right):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5), left, right)


@pytest.mark.parametrize("shape", [{"data": 8}, {"data": 2, "fsdp": 4}, {"data": 2, "fsdp": 2, "tensor": 2}])
def test_eight_devices_train_as_one_does(shape):
    single, expected = train(make_mesh({}, jax.devices()[:1]), EVERYTHING, 3)
    rules = (("hidden/kernel", PartitionSpec("fsdp", "tensor")), *EVERYTHING)
    state, history = train(make_mesh(shape), rules, 3)
    assert isinstance(state, TrainState)
    assert_close(gradients(history), gradients(expected))
    assert_close(history[-1], expected[-1])
    assert_close(jax.device_get(state.model_state), jax.device_get(single.model_state))
    kernel = state.params["hidden"]["kernel"]
    local = kernel.addressable_shards[0].data.size
    assert local * shape.get("fsdp", 1) * shape.get("tensor", 1) == kernel.size
    assert state.ema_params["hidden"]["kernel"].sharding == kernel.sharding
