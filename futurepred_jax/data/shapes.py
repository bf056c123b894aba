"""The solids: one quadric cut by the box [-1, 1]³, in coordinates where every half extent is 1.

A point is inside where ``a (x² + y²) + b z² + c z + d <= 0`` and no coordinate leaves the box. A row of (a, b, c, d) is
a shape; an ellipsoid is a sphere with unequal half extents.
"""

import numpy as np
from jaxtyping import Float, Int

from futurepred_jax.data.scene import SHAPES

QUADRICS = np.array(
    [
        [1.0, 1.0, 0.0, -1.0],  # sphere
        [0.0, 0.0, 0.0, -1.0],  # cube: the box alone
        [1.0, 0.0, 0.0, -1.0],  # cylinder around z
        [1.0, -0.25, 0.5, -0.25],  # cone: x² + y² <= ((1 - z) / 2)², its tip at z = 1
        [1.0, 1.0, 0.0, -1.0],  # ellipsoid
        [1.0, -0.0625, 0.375, -0.5625],  # frustum: x² + y² <= ((3 - z) / 4)², half as wide at the top
        [1.0, 0.25, 0.5, -0.75],  # dome: x² + y² + ((1 + z) / 2)² <= 1, half a ball on its flat side
    ]
)

HALF_EXTENTS = np.array(  # at radius 1: about the same area in the picture
    [
        [1.0, 1.0, 1.0],
        [0.8, 0.8, 0.8],
        [0.85, 0.85, 0.9],
        [1.0, 1.0, 1.0],
        [1.25, 0.75, 0.9],
        [1.0, 1.0, 0.85],
        [1.1, 1.1, 0.7],
    ]
)
SPREAD = np.array(
    [1.0, 1.13, 1.06, 0.9, 1.0, 0.95, 1.0]
)  # ellipsoid with a shadow about as large as the shape's, in half extents


def bounding_radius(shape: Int[np.ndarray, "k"], size: Float[np.ndarray, "k 3"]) -> Float[np.ndarray, "k"]:
    """Radius, in metres, of the smallest sphere around an object's centre that holds the object.

    Raises:
        ValueError: a shape that is not in ``SHAPES``, or a half extent that is not positive.
    """
    if np.any((shape < 0) | (shape >= len(SHAPES))):
        raise ValueError(f"shape {np.asarray(shape).tolist()}: the index must point into {SHAPES}")
    if not np.all(size > 0):
        raise ValueError("half extents must be positive, in metres, in every slot that exists")
    x, y, z = np.moveaxis(np.asarray(size, np.float64), -1, 0)
    largest, corner = np.maximum(np.maximum(x, y), z), np.sqrt(x**2 + y**2 + z**2)
    rim = np.hypot(np.maximum(x, y), z)  # of a round base
    radii = np.stack([largest, corner, rim, rim, largest, rim, rim])
    return radii[shape, np.arange(len(shape))]
