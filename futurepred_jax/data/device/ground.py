"""Ground and sky behind all objects, as ``background``, whose names these are, paints them."""

from collections.abc import Mapping
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float, Int, UInt32

from futurepred_jax.data.background import CHECKER, GROUND_LIGHT, HAZE, NOISE, STRIPES
from futurepred_jax.data.device.planes import Plane, turned

Colour = Float[Array, "3 s h w"]


class Backdrop(NamedTuple):
    """What every ray meets where nothing is in its way: reach is infinite at the sky; x and y are on the ground."""

    colour: Colour
    reach: Plane
    x: Plane
    y: Plane


def paint(frame: Mapping[str, Array], across: Plane, down: Plane) -> Backdrop:
    """Ground and sky of one frame.

    Args:
        frame: its ``eye``, ``to_world``, ``offset``, ``ground_pattern``, ``scale``, ``ground_rgb`` and ``sky_rgb``.
        across: of rays that go 1 along the optical axis, how far they go to the right,
        down: and how far down.
    """
    dx, dy, dz = turned(frame["to_world"], (across, down, 1.0))
    eye, sky = frame["eye"], dz >= 0
    reach = -eye[2] / jnp.where(sky, -1.0, dz)
    x, y = eye[0] + reach * dx, eye[1] + reach * dy
    period = (x + frame["offset"][0]) / frame["scale"], (y + frame["offset"][1]) / frame["scale"]
    floor = GROUND_LIGHT * _mix(frame["ground_rgb"], pattern(frame["ground_pattern"], *period))
    haze = jnp.clip((reach - HAZE[0]) / (HAZE[1] - HAZE[0]), 0, 1)
    floor = floor * (1 - haze) + frame["sky_rgb"][0, :, None, None, None] * haze
    above = _mix(frame["sky_rgb"], jnp.minimum(1, 2 * dz / jnp.sqrt(dx * dx + dy * dy + dz * dz)))
    return Backdrop(jnp.where(sky, above, floor), jnp.where(sky, jnp.inf, reach), x, y)


def pattern(kind: Int[Array, ""], x: Plane, y: Plane) -> Plane:
    """Share of the second ground colour at ground points, in periods of the pattern."""
    column, row = jnp.floor(2 * x), jnp.floor(2 * y)
    noise = 0.65 * _value_noise(2 * x, 2 * y) + 0.35 * _value_noise(4 * x + 17, 4 * y + 5)
    kinds = [kind == CHECKER, kind == STRIPES, kind == NOISE]
    return jnp.select(kinds, [jnp.mod(column + row, 2), jnp.mod(column, 2), noise], jnp.zeros_like(x))


def _mix(pair: Float[Array, "2 3"], share: Plane) -> Colour:
    one, two = pair[:, :, None, None, None]
    return one * (1 - share) + two * share


def _value_noise(x: Plane, y: Plane) -> Plane:
    """Lattice values, joined smoothly, in [0, 1)."""
    i, j = jnp.floor(x), jnp.floor(y)
    u, v = x - i, y - j
    u, v = u * u * (3 - 2 * u), v * v * (3 - 2 * v)
    column, row = _whole(i), _whole(j)
    low = _lattice(column, row) * (1 - u) + _lattice(column + 1, row) * u
    high = _lattice(column, row + 1) * (1 - u) + _lattice(column + 1, row + 1) * u
    return low * (1 - v) + high * v


def _whole(number: Plane) -> UInt32[Array, "s h w"]:
    return number.astype(jnp.int32).astype(jnp.uint32)


def _lattice(i: UInt32[Array, "s h w"], j: UInt32[Array, "s h w"]) -> Plane:
    """A value in [0, 1) for each point of an integer lattice."""
    word = i * jnp.uint32(374761393) + j * jnp.uint32(668265263)
    word = (word ^ (word >> 13)) * jnp.uint32(1274126177)
    return (word ^ (word >> 16)).astype(jnp.float32) / 4294967296.0
