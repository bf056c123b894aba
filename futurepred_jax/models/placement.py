"""Where arrays live on the mesh in sight, told to XLA; nothing is told where no such mesh is, or none that divides.

A batch is split over the axes ROWS and the channels of some layers over COLUMNS. XLA finds out the rest from where the
parameters are, and is told where its guess would move whole activations in place of a matrix.
"""

import math

import jax
from jax.sharding import PartitionSpec, get_abstract_mesh
from jaxtyping import Array

ROWS, COLUMNS = ("data", "fsdp"), "tensor"


def whole(weights: Array) -> Array:
    """On every device: what is looked up in, which would otherwise be done for all rows on each."""
    return jax.lax.with_sharding_constraint(weights, PartitionSpec()) if _is_meshed() else weights


def by_columns(matrix: Array) -> Array:
    """Split by its last axis over COLUMNS, and by no other.

    One that is kept split by its first axis goes there in two steps: at once XLA would make it whole on every device.
    """
    if not _is_meshed() or matrix.shape[-1] % _ways((COLUMNS,)) or len(matrix) % _ways(("fsdp",)):
        return matrix
    others = [None] * (matrix.ndim - 2)
    for first in ("fsdp", None):
        matrix = jax.lax.with_sharding_constraint(matrix, PartitionSpec(first, *others, COLUMNS))
    return matrix


def by_rows(activations: Array) -> Array:
    """Split by its first axis over ROWS, and by no other."""
    if not _is_meshed() or len(activations) % _ways(ROWS):
        return activations
    return jax.lax.with_sharding_constraint(activations, PartitionSpec(ROWS))


def is_divided(rows: int, columns: int) -> bool:
    """Whether each device of the mesh in sight has rows and columns of its own."""
    if get_abstract_mesh().empty:
        return True
    return _is_meshed() and rows % _ways(ROWS) == 0 == columns % _ways((COLUMNS,))


def _is_meshed() -> bool:
    """Whether a mesh with these axes is in sight: a caller's may have others."""
    return {*ROWS, COLUMNS} <= {*get_abstract_mesh().axis_names}


def _ways(axes: tuple[str, ...]) -> int:
    mesh = get_abstract_mesh()
    return math.prod(mesh.shape[axis] for axis in axes)
