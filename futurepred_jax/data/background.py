"""Ground and sky, without objects or shadows: compiled, because a moving camera needs them anew for every frame."""

from typing import no_type_check

import numpy as np
from numba import njit

PLAIN, CHECKER, STRIPES, NOISE = range(4)  # as scene.GROUND_PATTERNS
GROUND_LIGHT = 0.91  # Lambert's 0.32 + 0.68 n·l for a level ground under render.LIGHT
HAZE = (11.0, 30.0)  # metres along the view where the ground starts and ends to fade into the horizon: no moiré

_compiled = njit(cache=True, nogil=True, error_model="numpy")


@_compiled
@no_type_check
def _lattice(i, j):
    """A value in [0, 1) for each point of an integer lattice."""
    word = np.uint32(i * 374761393 + j * 668265263)
    word = np.uint32((word ^ (word >> np.uint32(13))) * np.uint32(1274126177))
    return np.float64(np.uint32(word ^ (word >> np.uint32(16)))) / 4294967296.0


@_compiled
@no_type_check
def _value_noise(x, y):
    """Lattice values, joined smoothly, in [0, 1)."""
    i, j = int(np.floor(x)), int(np.floor(y))
    u, v = x - i, y - j
    u, v = u * u * (3.0 - 2.0 * u), v * v * (3.0 - 2.0 * v)
    low = _lattice(i, j) * (1.0 - u) + _lattice(i + 1, j) * u
    high = _lattice(i, j + 1) * (1.0 - u) + _lattice(i + 1, j + 1) * u
    return low * (1.0 - v) + high * v


@_compiled
@no_type_check
def pattern(kind, x, y):
    """Share of the second ground colour at a ground point, in periods of the pattern."""
    if kind == CHECKER:
        return float((int(np.floor(2.0 * x)) + int(np.floor(2.0 * y))) % 2)
    if kind == STRIPES:
        return float(int(np.floor(2.0 * x)) % 2)
    if kind == NOISE:
        return 0.65 * _value_noise(2.0 * x, 2.0 * y) + 0.35 * _value_noise(4.0 * x + 17.0, 4.0 * y + 5.0)
    return 0.0


@_compiled
@no_type_check
def _mix(one, two, share, pixel):
    for channel in range(3):
        pixel[channel] = one[channel] * (1.0 - share) + two[channel] * share


@_compiled
@no_type_check
def _sample(eye, direction, ground, pixel, spot):
    """Colour of one ray; its reach to the ground, infinite at the sky; ``spot`` is where it meets the ground."""
    kind, scale, offset, colours = ground
    dx, dy, dz = direction
    if dz >= 0.0:
        spot[0], spot[1] = 0.0, 0.0
        _mix(colours[1, 0], colours[1, 1], min(1.0, 2.0 * dz / np.sqrt(dx * dx + dy * dy + dz * dz)), pixel)
        return np.inf
    reach = -eye[2] / dz
    spot[0], spot[1] = eye[0] + reach * dx, eye[1] + reach * dy
    _mix(
        colours[0, 0], colours[0, 1], pattern(kind, (spot[0] + offset[0]) / scale, (spot[1] + offset[1]) / scale), pixel
    )
    haze = min(1.0, max(0.0, (reach - HAZE[0]) / (HAZE[1] - HAZE[0])))
    for channel in range(3):
        pixel[channel] = GROUND_LIGHT * pixel[channel] * (1.0 - haze) + colours[1, 0, channel] * haze
    return reach


@_compiled
@no_type_check
def paint(eye, to_world, lens, ground, out):
    """Fill one pose's samples.

    Args:
        eye: [3], metres.
        to_world: camera axes to world axes [3 3].
        lens: (samples' offsets [s 2], focal length, principal point), pixels.
        ground: (kind, metres a period, offset [2], colours [ground or sky, 2, 3]).
        out: (colour [h w s 3], depth [h w s], where rays meet the ground [h w s 2]), float32.
    """
    offsets, focal, principal = lens
    colour, depth, floor = out
    height, width, samples = depth.shape
    for y in range(height):
        for x in range(width):
            for s in range(samples):
                u, v = (x + offsets[s, 0] - principal) / focal, (y + offsets[s, 1] - principal) / focal
                direction = (
                    to_world[0, 0] * u + to_world[0, 1] * v + to_world[0, 2],
                    to_world[1, 0] * u + to_world[1, 1] * v + to_world[1, 2],
                    to_world[2, 0] * u + to_world[2, 1] * v + to_world[2, 2],
                )
                depth[y, x, s] = _sample(eye, direction, ground, colour[y, x, s], floor[y, x, s])
