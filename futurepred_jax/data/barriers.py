"""The solids that hide a target: one function and one row each, for ``occluders`` to set up."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

CURTAIN = 0.06  # metres, half of its thickness


class Solid(NamedTuple):
    """A shape on the ground: its half extents, and how far it is turned about the vertical."""

    shape: str
    size: Float[np.ndarray, "3"]
    angle: float


def pillar(radius: float, height: float, facing: float) -> Solid:
    """A cylinder."""
    del facing
    return Solid("cylinder", np.array([radius, radius, height / 2]), 0.0)


def curtain(radius: float, height: float, facing: float) -> Solid:
    """A thin wall across the view, as wide as the pillar would be; ``facing`` is the azimuth towards the camera."""
    return Solid("cube", np.array([CURTAIN, radius, height / 2]), facing)


OCCLUDERS: dict[str, Callable[[float, float, float], Solid]] = {"pillar": pillar, "curtain": curtain}
"""Solids by name, each from a half width and a height, in metres, and where it faces."""
