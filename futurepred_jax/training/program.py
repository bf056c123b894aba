"""The jitted functions of a training, with explicit shardings and donation."""

import dataclasses
import functools
from collections.abc import Callable, Sequence

import jax
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, PyTree

from futurepred_jax.arrays import Key
from futurepred_jax.training import sharding
from futurepred_jax.training.job import Job
from futurepred_jax.training.state import TrainState, initial_state
from futurepred_jax.training.step import Metrics, make_train_step


@dataclasses.dataclass(frozen=True)
class Layout:
    """A job's functions over a mesh, jitted but not compiled; the mesh's devices need not be present.

    Attributes:
        mesh: The devices.
        batch: Sharding of a batch.
        abstract: Shapes and shardings of the state.
        key: Shape and sharding of a key.
        init: Function from a key to the initial state.
        step: Function from state, batch and key to state and metrics; it donates the given state.
        validate: ``Job.validate``, jitted.
    """

    mesh: Mesh
    batch: NamedSharding
    abstract: TrainState
    key: jax.ShapeDtypeStruct
    init: jax.stages.Wrapped
    step: jax.stages.Wrapped
    validate: jax.stages.Wrapped


@dataclasses.dataclass(frozen=True)
class Program:
    """A job's functions over a mesh, with its keys, compiled at their first call.

    Attributes:
        mesh: The devices.
        batch: Sharding of a batch.
        abstract: Shapes and shardings of the state.
        key: Key of all steps, into which the number of the step is folded.
        init: Function that returns the initial state.
        step: Function from state and batch to state and metrics; it donates the given state.
        validate: ``Job.validate``, jitted.
    """

    mesh: Mesh
    batch: NamedSharding
    abstract: TrainState
    key: Key
    init: Callable[[], TrainState]
    step: Callable[[TrainState, PyTree], tuple[TrainState, Metrics]]
    validate: Callable[[PyTree, PyTree, PyTree], dict[str, Array]]


def make_program(
    job: Job,
    devices: Sequence[jax.Device] | None = None,  # pyright: ignore[reportInvalidTypeForm]
) -> Program:
    """Returns a job's functions over devices, with its keys.

    Args:
        job: The training.
        devices: Devices to train on; all by default.

    Raises:
        ValueError: If the mesh does not fit the devices or the batch, or a sharding rule does not fit its array.
    """
    layout = lay_out(job, sharding.make_mesh(job.mesh_shape, devices))
    keys = jax.jit(_split, static_argnums=0, out_shardings=(layout.key.sharding,) * 2)
    init_key, step_key = keys(job.seed)
    return Program(
        mesh=layout.mesh,
        batch=layout.batch,
        abstract=layout.abstract,
        key=step_key,
        init=lambda: layout.init(init_key),
        step=lambda state, inputs: layout.step(state, inputs, step_key),
        validate=layout.validate,
    )


def lay_out(job: Job, mesh: Mesh) -> Layout:
    """Returns a job's jitted functions over a mesh, with shardings of the state; nothing is allocated.

    Args:
        job: The training.
        mesh: The devices.

    Raises:
        ValueError: If the mesh does not fit the batch, or a sharding rule does not fit its array.
    """
    batch = sharding.batch_sharding(mesh, job.batch_size)
    replicated = NamedSharding(mesh, PartitionSpec())
    key = jax.eval_shape(jax.random.key, 0)
    initial = functools.partial(initial_state, job.init, job.optimizer, ema=job.ema_decay > 0)
    abstract = sharding.place(jax.eval_shape(initial, key), mesh, job.sharding_rules)
    layout = jax.tree.map(lambda leaf: leaf.sharding, abstract)
    step = make_train_step(job.loss, job.optimizer, ema_decay=job.ema_decay, skip_unsound=job.on_nan == "skip")
    compiled_step = jax.jit(
        sharding.with_mesh(mesh, step),
        in_shardings=(layout, batch, replicated),
        out_shardings=(layout, replicated),
        donate_argnums=0,
        compiler_options=dict(job.compiler_options.get(mesh.devices.flat[0].platform, {})) or None,
    )
    held_out = (layout.eval_params, layout.model_state, batch)
    return Layout(
        mesh=mesh,
        batch=batch,
        abstract=abstract,
        key=jax.ShapeDtypeStruct(key.shape, key.dtype, sharding=replicated),
        init=jax.jit(initial, in_shardings=replicated, out_shardings=layout),
        step=compiled_step,
        validate=jax.jit(sharding.with_mesh(mesh, job.validate), in_shardings=held_out, out_shardings=replicated),
    )


def _split(seed: int) -> tuple[Array, Array]:
    """Returns the key of the initial state and the key of the steps."""
    init_key, step_key = jax.random.split(jax.random.key(seed))
    return init_key, step_key
