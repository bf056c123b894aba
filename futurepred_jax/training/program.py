"""A job's compiled functions: every ``jit`` of a training, with shardings and donation stated."""

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
class Program:
    """Functions over a mesh, compiled at their first call; ``abstract`` has the state's shapes and places."""

    mesh: Mesh
    batch: NamedSharding
    abstract: TrainState
    layout: TrainState
    key: Key  # of the steps
    init: Callable[[], TrainState]
    step: Callable[[TrainState, PyTree], tuple[TrainState, Metrics]]  # the state given is consumed
    validate: Callable[[PyTree, PyTree, PyTree], dict[str, Array]]


def make_program(
    job: Job,
    devices: Sequence[jax.Device] | None = None,  # pyright: ignore[reportInvalidTypeForm]
) -> Program:
    """Lay out the state by ``eval_shape``, before anything is allocated, and bind the jitted functions to it.

    Args:
        job: What to train.
        devices: To train on; all by default.

    Raises:
        ValueError: When the mesh does not fit the devices or the batch, or a sharding rule its array.
    """
    mesh = sharding.make_mesh(job.mesh_shape, devices)
    batch = sharding.batch_sharding(mesh, job.batch_size)
    replicated = NamedSharding(mesh, PartitionSpec())
    init_key, step_key = jax.jit(_split, static_argnums=0, out_shardings=(replicated, replicated))(job.seed)

    initial = functools.partial(initial_state, job.init, job.optimizer, ema=job.ema_decay > 0)
    abstract = sharding.place(jax.eval_shape(initial, init_key), mesh, job.sharding_rules)
    layout = jax.tree.map(lambda leaf: leaf.sharding, abstract)
    init = jax.jit(initial, in_shardings=replicated, out_shardings=layout)

    train_step = make_train_step(job.loss, job.optimizer, ema_decay=job.ema_decay, skip_unsound=job.on_nan == "skip")
    step = jax.jit(
        train_step,
        in_shardings=(layout, batch, replicated),
        out_shardings=(layout, replicated),
        donate_argnums=0,
        compiler_options=dict(job.compiler_options) or None,
    )
    held_out = (layout.eval_params, layout.model_state, batch)
    return Program(
        mesh=mesh,
        batch=batch,
        abstract=abstract,
        layout=layout,
        key=step_key,
        init=lambda: init(init_key),
        step=lambda state, inputs: step(state, inputs, step_key),
        validate=jax.jit(job.validate, in_shardings=held_out, out_shardings=replicated),
    )


def _split(seed: int) -> tuple[Array, Array]:
    """Keys of the initial state and of the steps."""
    init_key, step_key = jax.random.split(jax.random.key(seed))
    return init_key, step_key
