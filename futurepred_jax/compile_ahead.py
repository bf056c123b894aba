"""Compiles a config's training step and inference for hardware that is not there, and tells what they would need."""

import dataclasses
import json
from collections.abc import Sequence

import jax
import numpy as np
from etils import epath
from jax.sharding import NamedSharding, PartitionSpec
from ml_collections import ConfigDict

from futurepred_jax import factory
from futurepred_jax.training import atomic, sharding
from futurepred_jax.training import topology as topologies
from futurepred_jax.training.ahead import Call, Compiled, compile_ahead
from futurepred_jax.training.forecast import describe
from futurepred_jax.training.job import Job
from futurepred_jax.training.program import Layout, lay_out

RESULT = "compile.json"


class DoesNotFitError(ValueError):
    """A program needs more memory than its devices have."""


def run(config: ConfigDict, workdir: epath.PathLike) -> None:
    """Compiles the training step and inference for the hardware that --topology names, and writes ``compile.json``."""
    topology = config.compile.topology
    hardware = topologies.find(topology)
    job = factory.abstract_job(config)
    layout = lay_out(job, sharding.make_mesh(job.mesh_shape, hardware.devices))
    mesh = dict(layout.mesh.shape)
    print(f"{config.name}-{config.preset} for {topology}, a batch of {job.batch_size} on {mesh}")
    programs = []
    for call in (step_call(job, layout), inference_call(factory.abstract_inference(config), hardware.devices[0])):
        programs.append(compile_ahead(call, hardware))
        print(f"\n{describe(programs[-1])}")
    document = {"topology": topology, "mesh": mesh, "batch_size": job.batch_size, "jax": jax.__version__}
    document["programs"] = [dataclasses.asdict(program) for program in programs]
    atomic.require_writable(workdir)
    atomic.write_text(epath.Path(workdir) / RESULT, json.dumps(document, indent=1))
    require_fit(programs, config)


def step_call(job: Job, layout: Layout) -> Call:
    """The step that ``train`` runs, over all devices of the layout."""
    state, rows = layout.abstract, job.train_source.batch(np.array([0]))
    batch = {
        name: jax.ShapeDtypeStruct((job.batch_size, *rows[name].shape[1:]), rows[name].dtype, sharding=layout.batch)
        for name in job.batch_keys or rows
    }
    kinds = {
        "parameters": state.params,
        "averaged parameters": state.ema_params,
        "optimizer state": state.opt_state,
        "model state": state.model_state,
        "batch": batch,
    }
    return Call("training step", layout.step, (state, batch, layout.key), kinds, job.flops_per_step)


def inference_call(inference: factory.Inference, device: jax.Device) -> Call:  # pyright: ignore[reportInvalidTypeForm]
    """What evaluation and prediction run, on one device."""
    mesh = sharding.make_mesh({}, [device])
    alone = NamedSharding(mesh, PartitionSpec())

    def place(leaf: jax.ShapeDtypeStruct) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=alone)

    parameters, batch = jax.tree.map(place, (inference.parameters, inference.batch))
    kinds = {"parameters": parameters, "batch": batch}
    function = jax.jit(sharding.with_mesh(mesh, inference.function))
    return Call(inference.name, function, (parameters, *batch), kinds, inference.flops)


def require_fit(programs: Sequence[Compiled], config: ConfigDict) -> None:
    """Raises a DoesNotFitError that says what to change unless every program fits its devices."""
    too_large = [program for program in programs if not program.memory.fits]
    if too_large:
        raise DoesNotFitError("\n".join(_remedy(program, config) for program in too_large))


def _remedy(program: Compiled, config: ConfigDict) -> str:
    memory = program.memory
    state = sum(size for kind, size in memory.arguments.items() if kind != "batch")
    room = (memory.limit - state) / max(1, memory.total - state)  # that the batch may take of what it takes
    said = f"the {program.name} needs {memory.total / memory.limit:.2f} times the memory of a {program.chip}: "
    if program.devices == 1:
        size = config.evaluation.batch_size
        return f"{said}lower --config.evaluation.batch_size from {size} to about {max(1, int(size * room))}"
    if room <= 0:
        return f"{said}its state alone does not fit; split it with a larger --config.mesh.fsdp, over more devices"
    batch, turns = config.train.batch_size, config.train.accumulate
    size = int(batch * room) // program.devices * program.devices
    remedies = [f"take about {int(program.devices / room) + 1} devices"]
    if size:
        remedies.append(f"lower --config.train.batch_size from {batch} to about {size}")
    normalises = factory.has_pathways(config) or config.kind == "classifier"  # over the whole batch at once
    if not normalises and (wanted := _turns(batch // program.devices, turns / room)):
        remedies.append(f"take it in {wanted} turns with --config.train.accumulate={wanted}")
    if not config.model.get("remat", True):
        remedies.append("set --config.model.remat=True")
    return f"{said}{', or '.join(remedies)}"


def _turns(rows: int, least: float) -> int | None:
    """The fewest turns, at least so many, that divide a device's rows of the batch."""
    return next((turns for turns in range(1, rows + 1) if rows % turns == 0 and turns >= least), None)
