"""Ahead-of-time compilation: the memory and time that a program needs on hardware that need not be present."""

import dataclasses
import math
import re
import time
from collections.abc import Mapping
from typing import Any

import jax
from jaxtyping import PyTree

from futurepred_jax.training.collectives import Traffic, collectives
from futurepred_jax.training.roofline import Roofline, hbm_traffic, roofline
from futurepred_jax.training.topology import Topology

# Autotuning measures kernels, for which the GPU would have to be present.
OPTIONS: dict[str, dict[str, str | bool]] = {
    "cuda": {"xla_gpu_autotune_level": "0", "xla_gpu_enable_triton_gemm": False}
}

UNITS = {"K": 2**10, "M": 2**20, "G": 2**30}

# Messages of libtpu for a program that does not fit.
_USED = re.compile(r"Used ([\d.]+[KMG]) of ([\d.]+[KMG]) hbm")
_TEMPORARIES = re.compile(r"HLO temporaries \(([\d.]+[KMG])\) exceeds available HBM \(([\d.]+[KMG])\)")


@dataclasses.dataclass(frozen=True)
class Memory:
    """Memory that a program needs on each device, in bytes.

    Attributes:
        arguments: Size of the arguments, by kind.
        outputs: Size of the outputs that do not reuse the memory of arguments; None if the compiler gave up.
        temporaries: Peak size of activations and scratch; None if unknown.
        code: Size of the program; None if the compiler gave up.
        total: Sum of all parts, with XLA's padding.
        limit: Memory of the device.
    """

    arguments: dict[str, int]
    outputs: int | None
    temporaries: int | None
    code: int | None
    total: int
    limit: int

    @property
    def fits(self) -> bool:
        """Whether the program fits the device."""
        return self.total <= self.limit


@dataclasses.dataclass(frozen=True)
class Compiled:
    """A compiled program.

    Attributes:
        name: Name of the program.
        chip: Kind of device.
        devices: Number of devices.
        seconds: Time of lowering and compilation.
        parameters: Number of parameters.
        flops: Analytic floating-point operations of a call, on all devices together.
        memory: Memory on each device.
        collectives: Traffic between devices, by kind; None if the compiler gave up for lack of memory.
        roofline: Least time of a call; None if the compiler gave up.
    """

    name: str
    chip: str
    devices: int
    seconds: float
    parameters: int
    flops: float
    memory: Memory
    collectives: dict[str, Traffic] | None
    roofline: Roofline | None


@dataclasses.dataclass(frozen=True)
class Call:
    """A function to compile with its arguments.

    Attributes:
        name: Name of the program.
        function: The jitted function.
        arguments: Its arguments as shapes with shardings over the devices to compile for.
        kinds: The same shapes by kind, for the account of memory; those of ``parameters`` are counted.
        flops: Analytic floating-point operations of a call.
    """

    name: str
    function: jax.stages.Wrapped
    arguments: tuple[PyTree, ...]
    kinds: Mapping[str, PyTree]
    flops: float


def compile_ahead(call: Call, topology: Topology) -> Compiled:
    """Compiles a function for the devices of a topology, and measures what it needs."""
    began, chip = time.time(), topology.chip
    devices = len(jax.tree.leaves(call.arguments)[0].sharding.device_set)
    given = {kind: bytes_per_device(tree) for kind, tree in call.kinds.items()}
    facts = {
        "name": call.name,
        "chip": topology.kind,
        "devices": devices,
        "parameters": sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(call.kinds["parameters"])),
        "flops": call.flops,
    }
    try:
        compiled = call.function.lower(*call.arguments).compile(compiler_options=OPTIONS.get(chip.platform))
    except jax.errors.JaxRuntimeError as error:
        memory = _refused(error, given)
        return Compiled(**facts, seconds=time.time() - began, memory=memory, collectives=None, roofline=None)
    seconds, text = time.time() - began, str(compiled.as_text())
    found = collectives(text, devices=devices)
    sent = sum((traffic.sent for traffic in found.values()), 0.0)
    best = roofline(flops=call.flops / devices, hbm=hbm_traffic(text), sent=sent, topology=topology)
    memory = _memory(compiled.memory_analysis(), given, chip.memory)
    return Compiled(**facts, seconds=seconds, memory=memory, collectives=found, roofline=best)


def bytes_per_device(tree: PyTree) -> int:
    """Returns the bytes of one device's shards of arrays, given as shapes with shardings."""
    leaves = jax.tree.leaves(tree)
    return sum(math.prod(leaf.sharding.shard_shape(leaf.shape)) * leaf.dtype.itemsize for leaf in leaves)


def _memory(stats: Any, given: dict[str, int], limit: int) -> Memory:
    outputs = stats.output_size_in_bytes - stats.alias_size_in_bytes
    parts = outputs, stats.temp_size_in_bytes, stats.generated_code_size_in_bytes
    return Memory(given, *parts, stats.argument_size_in_bytes + sum(parts), limit)


def _refused(error: Exception, given: dict[str, int]) -> Memory:
    """Reads the memory of a program from libtpu's message that it does not fit; raises any other error again."""
    if found := _USED.search(str(error)):
        total, limit = _bytes(found[1]), _bytes(found[2])
        return Memory(given, None, None, None, total, limit)
    if found := _TEMPORARIES.search(str(error)):
        temporaries, limit = _bytes(found[1]), _bytes(found[2])
        return Memory(given, None, temporaries, None, sum(given.values()) + temporaries, limit)
    raise error


def _bytes(words: str) -> int:
    """Returns the bytes of a size such as 15.75G."""
    return int(float(words[:-1]) * UNITS[words[-1]])
