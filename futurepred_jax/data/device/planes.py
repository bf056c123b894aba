"""What the device's functions exchange: numbers and vectors of every ray of a frame, one array a component.

Components rather than a last axis of three, because such an axis fills three of a TPU's 128 lanes; sums of products
rather than matrix products, because a TPU rounds those to bfloat16.
"""

from typing import TypeAlias

from jaxtyping import Array, Float

Plane: TypeAlias = Float[Array, "s h w"]
"""A number of every ray: sample s of the pixel in row h and column w; sample 0 is the pixel's centre."""

Vector: TypeAlias = tuple[Plane, Plane, Plane]


def turned(matrix: Float[Array, "3 3"], direction: tuple[Plane, Plane, Plane | float]) -> Vector:
    """``matrix @ direction``."""
    x, y, z = direction
    rows = (row[0] * x + row[1] * y + row[2] * z for row in (matrix[0], matrix[1], matrix[2]))
    first, second, third = rows
    return first, second, third
