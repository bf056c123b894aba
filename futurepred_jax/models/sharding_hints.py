"""Sharding constraints for XLA on the current mesh; without a mesh that divides the array they do nothing.

The rows of a batch are split over the mesh axes ROWS and the channels of some layers over COLUMNS. XLA propagates most
shardings from those of the parameters. The constraints here are for places where its choice would move activations
between devices instead of a matrix.
"""

import math

import jax
from jax.sharding import PartitionSpec, get_abstract_mesh
from jaxtyping import Array

ROWS, COLUMNS = ("data", "fsdp"), "tensor"


def replicated(weights: Array) -> Array:
    """Replicates a table on every device, so that each device looks up only its own rows."""
    return jax.lax.with_sharding_constraint(weights, PartitionSpec()) if _is_meshed() else weights


def shard_columns(matrix: Array) -> Array:
    """Splits a matrix by its last axis over COLUMNS, and by no other axis.

    A matrix that is stored split by its first axis is resharded in two steps, because in one step XLA would make it
    whole on every device.
    """
    if not _is_meshed() or matrix.shape[-1] % _axis_size((COLUMNS,)) or len(matrix) % _axis_size(("fsdp",)):
        return matrix
    others = [None] * (matrix.ndim - 2)
    for first in ("fsdp", None):
        matrix = jax.lax.with_sharding_constraint(matrix, PartitionSpec(first, *others, COLUMNS))
    return matrix


def shard_rows(activations: Array) -> Array:
    """Splits activations by their first axis over ROWS, and by no other axis."""
    if not _is_meshed() or len(activations) % _axis_size(ROWS):
        return activations
    return jax.lax.with_sharding_constraint(activations, PartitionSpec(ROWS))


def is_divided(rows: int, columns: int) -> bool:
    """Returns whether the current mesh, if any, splits so many rows and columns evenly."""
    if get_abstract_mesh().empty:
        return True
    return _is_meshed() and rows % _axis_size(ROWS) == 0 == columns % _axis_size((COLUMNS,))


def _is_meshed() -> bool:
    """Returns whether the current mesh has these axes; a caller's own mesh may have others."""
    return {*ROWS, COLUMNS} <= {*get_abstract_mesh().axis_names}


def _axis_size(axes: tuple[str, ...]) -> int:
    mesh = get_abstract_mesh()
    return math.prod(mesh.shape[axis] for axis in axes)
