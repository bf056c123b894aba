"""Shardings: a mesh with axes ("data", "fsdp", "tensor"), and rules that place parameters on it.

Rules are data: the first whose pattern is found in a parameter's path ("params/encoder/conv/kernel",
"opt_state/1/mu/encoder/conv/kernel") places it; what no rule names, and every scalar, is replicated.
"""

import dataclasses
import functools
import math
import re
from collections.abc import Callable, Mapping, Sequence

import jax
import numpy as np
from jax.experimental import mesh_utils
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec, use_abstract_mesh
from jaxtyping import PyTree

AXES = ("data", "fsdp", "tensor")
BATCH_SPEC = PartitionSpec(("data", "fsdp"))  # the axes that split a batch; "tensor" splits layers


@dataclasses.dataclass(frozen=True)
class LargestAxis:
    """Rule that shards the largest axis that ``mesh_axis`` divides, and replicates small arrays.

    Attributes:
        mesh_axis: The mesh axis.
        min_size: Least number of elements of a sharded array. 2**20 float32 values are 4 MiB; gathering smaller arrays
            costs more than the memory that it saves.
    """

    mesh_axis: str = "fsdp"
    min_size: int = 2**20

    def spec(self, shape: Sequence[int], mesh: Mesh) -> PartitionSpec:
        """Returns the partition of an array of a shape."""
        ways = mesh.shape[self.mesh_axis]
        divisible = [axis for axis, length in enumerate(shape) if length % ways == 0]
        if ways == 1 or math.prod(shape) < self.min_size or not divisible:
            return PartitionSpec()
        largest = max(divisible, key=lambda axis: shape[axis])
        return PartitionSpec(*[None] * largest, self.mesh_axis)


Rules = tuple[tuple[str, PartitionSpec | LargestAxis], ...]
DATA_PARALLEL: Rules = ()
FSDP: Rules = ((".*", LargestAxis()),)


def make_mesh(
    shape: Mapping[str, int],
    devices: Sequence[jax.Device] | None = None,  # pyright: ignore[reportInvalidTypeForm]
) -> Mesh:
    """Returns a mesh over devices.

    Args:
        shape: Number of devices along each axis; an axis that is left out has 1, and one axis may be -1, which takes
            all devices that remain.
        devices: The devices; all by default.

    Raises:
        ValueError: If an axis is unknown, or the shape does not use the devices exactly.
    """
    devices = jax.devices() if devices is None else devices
    unknown = set(shape) - set(AXES)
    if unknown:
        raise ValueError(f"mesh axes {sorted(unknown)} are unknown; there are {', '.join(AXES)}")
    sizes = [shape.get(axis, 1) for axis in AXES]
    fixed = math.prod(size for size in sizes if size != -1)
    if sizes.count(-1) == 1 and len(devices) % fixed == 0:
        sizes[sizes.index(-1)] = len(devices) // fixed
    if min(sizes) < 1 or math.prod(sizes) != len(devices):
        raise ValueError(
            f"mesh {dict(shape)} does not use {len(devices)} devices exactly: the product of its axes must be "
            f"their number, and one axis at most may be -1 (all that remain)"
        )
    # Split axes, for meshes such as 64 × 4 on a torus of 16 × 16.
    grid = mesh_utils.create_device_mesh(sizes, devices, allow_split_physical_axes=True)
    return Mesh(grid, AXES, axis_types=(AxisType.Auto,) * len(AXES))


def place(abstract: PyTree, mesh: Mesh, rules: Rules) -> PyTree:
    """Adds shardings to a pytree of shapes.

    Args:
        abstract: Pytree of ``ShapeDtypeStruct``.
        mesh: The devices.
        rules: Sharding rules.

    Raises:
        ValueError: If the partition of a rule has more axes than its array, or does not divide it.
    """

    def placed(path: tuple, leaf: jax.ShapeDtypeStruct) -> jax.ShapeDtypeStruct:
        spec = _spec(path_name(path), leaf.shape, mesh, rules)
        return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=NamedSharding(mesh, spec))

    return jax.tree.map_with_path(placed, abstract)


def path_name(path: tuple) -> str:
    """Returns a pytree path as text, such as "encoder/conv/kernel"."""
    return jax.tree_util.keystr(path, simple=True, separator="/")


def with_mesh(mesh: Mesh, function: Callable[..., PyTree]) -> Callable[..., PyTree]:
    """Wraps a function so that it is traced with ``mesh`` as the current mesh (``jax.sharding.get_abstract_mesh``)."""

    @functools.wraps(function)
    def traced(*args: PyTree) -> PyTree:
        with use_abstract_mesh(mesh.abstract_mesh):
            return function(*args)

    return traced


def batch_sharding(mesh: Mesh, batch_size: int) -> NamedSharding:
    """Returns the sharding of a batch along its leading axis.

    Raises:
        ValueError: If the mesh does not divide the global batch.
    """
    ways = mesh.shape["data"] * mesh.shape["fsdp"]
    if batch_size % ways:
        raise ValueError(
            f"a batch of {batch_size} does not divide over data x fsdp = {ways} devices: let --config.train.batch_size "
            "be a multiple, and that of each stage, such as --config.tokenizer.config.train.batch_size"
        )
    return NamedSharding(mesh, BATCH_SPEC)


@functools.cache
def process_slice(sharding: NamedSharding, batch_size: int) -> tuple[int, int]:
    """Returns which slice of a batch this process reads, and the number of slices.

    Processes whose devices hold the same rows, as along a ``tensor`` axis, read the same slice.

    Args:
        sharding: Sharding of a batch along its leading axis.
        batch_size: Rows of the global batch.

    Raises:
        ValueError: If the rows of two processes overlap without being equal.
    """
    held: dict[int, set[tuple[int, int]]] = {}
    for device, (rows, *_) in sharding.devices_indices_map((batch_size,)).items():
        held.setdefault(device.process_index, set()).add(rows.indices(batch_size)[:2])
    shares = sorted({tuple(sorted(rows)) for rows in held.values()})
    if sum(end - start for rows in shares for start, end in rows) != batch_size:
        raise ValueError(f"mesh {dict(sharding.mesh.shape)}: let tensor divide a process's devices, or be a multiple")
    return shares.index(tuple(sorted(held[jax.process_index()]))), len(shares)


def global_batch(batch: Mapping[str, np.ndarray], sharding: NamedSharding) -> dict[str, jax.Array]:
    """Makes global arrays of a batch.

    Args:
        batch: This process's slice of each array, with a leading axis of b / (number of slices) rows.
        sharding: Sharding of the global arrays.
    """

    def whole(value: np.ndarray) -> jax.Array:
        rows = len(value) * process_slice(sharding, sharding.mesh.size)[1]
        return jax.make_array_from_process_local_data(sharding, value, (rows, *value.shape[1:]))

    return {name: whole(value) for name, value in batch.items()}


def _spec(name: str, shape: tuple[int, ...], mesh: Mesh, rules: Rules) -> PartitionSpec:
    rule = next((target for pattern, target in rules if re.search(pattern, name)), None)
    if rule is None or not shape:
        return PartitionSpec()
    if isinstance(rule, LargestAxis):
        return rule.spec(shape, mesh)
    if len(rule) > len(shape):
        raise ValueError(f"sharding rule {rule} has more axes than {name} of shape {shape}")
    for length, axes in zip(shape, rule, strict=False):
        names = (axes,) if isinstance(axes, str) else axes or ()
        if length % math.prod(mesh.shape[axis] for axis in names):
            raise ValueError(f"sharding rule {rule} does not divide {name} of shape {shape} on mesh {dict(mesh.shape)}")
    return rule
