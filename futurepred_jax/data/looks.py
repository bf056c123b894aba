"""What objects look like: colours, the pairs of looks that training may not see, and how they turn."""

import numpy as np
from jaxtyping import Bool, Float, Int

from futurepred_jax.data.motion import circle

_SATURATION = 0.9
_CORNERS = np.array(  # twelve equal steps around the border of the triangle of chromas rgb / sum
    [
        *([4 - i, i, 0] for i in range(4)),
        *([0, 4 - i, i] for i in range(4)),
        *([i, 0, 4 - i] for i in range(4)),
    ]
)
HUES: Float[np.ndarray, "12 3"] = 1 - _SATURATION * (1 - _CORNERS / _CORNERS.max(1, keepdims=True))
"""Colours of targets; shading keeps a chroma, so a target is known by it."""

COLOUR_PERIOD = 4  # every hue has one held-out shape of the first four
FAMILY_PERIOD = 5  # most families have one, some none


def held_out(
    shape: Int[np.ndarray, "*#n"], hue: Int[np.ndarray, "*#n"], family: Int[np.ndarray, "*#n"]
) -> Bool[np.ndarray, "*#n"]:
    """Tell which objects have a pair of shape and colour, or of shape and family, that only test_comp shows.

    A shape of index s goes with no hue h where h mod 4 = s, and with no family f where f mod 5 = s; what has no hue
    (−1) or stands still (0) has no pair. So whatever its hue and family, an object has two shapes left at least.
    """
    colour = (hue >= 0) & (hue % COLOUR_PERIOD == shape)
    return colour | ((family > 0) & (family % FAMILY_PERIOD == shape))


def greyish(tone: Float[np.ndarray, "k"], tint: Float[np.ndarray, "k 3"]) -> Float[np.ndarray, "k 3"]:
    """Turn numbers in (0, 1) to colours near grey, dark or light: apart from every hue, and from a plain ground."""
    value = np.where(tone < 0.5, 0.12 + 0.56 * tone, 0.72 + 0.5 * (tone - 0.5))
    return value[:, None] * (1 - 0.25 * tint)


def about_z(angle: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n 3 3"]:
    """Rotations by ``angle`` about the vertical."""
    cos, sin, zero = np.cos(angle), np.sin(angle), np.zeros_like(angle)
    rows = [[cos, -sin, zero], [sin, cos, zero], [zero, zero, zero + 1]]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def about(axis: Float[np.ndarray, "k 3"], angle: Float[np.ndarray, "t k"]) -> Float[np.ndarray, "t k 3 3"]:
    """Rotations by ``angle`` about unit vectors (Rodrigues' formula)."""
    x, y, z = axis.T
    zero = np.zeros_like(x)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=-1).reshape(-1, 3, 3)
    sin, cos = np.sin(angle)[..., None, None], np.cos(angle)[..., None, None]
    return np.eye(3) + sin * cross + (1 - cos) * (cross @ cross)


def directions(numbers: Float[np.ndarray, "k 2"]) -> Float[np.ndarray, "k 3"]:
    """Turn numbers in (0, 1) to unit vectors, evenly over the sphere."""
    height = 2 * numbers[:, 1] - 1
    level = np.sqrt(1 - height**2)[:, None] * circle(2 * np.pi * numbers[:, 0])
    return level + height[:, None] * [0, 0, 1]
