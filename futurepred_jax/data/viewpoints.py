"""Where the camera stands and how it moves: one function a motion, one row of ``CAMERAS``."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from futurepred_jax.data import counter_random
from futurepred_jax.data.scene import Camera

FIELD_OF_VIEW = 42.0  # degrees
LOOK_AT = (0.0, 0.0, 1.0)
STATIC_POSE = (8.5, 0.45, -np.pi / 2)  # metres, and radians of elevation and of azimuth
ORBIT = {  # metres, radians, radians, rad/s
    "distance": (7.0, 10.0),
    "elevation": (0.3, 0.6),
    "azimuth": (-np.pi, np.pi),
    "turn": (-0.15, 0.15),
}
DOLLY = 0.5  # m/s at most, towards the arena or away from it
SHAKE = 0.12  # metres at most, at intensity 1, that the point looked at strays: about a pixel of 64²

Times = Float[np.ndarray, "t"]
Numbers = Float[np.ndarray, "4"]  # in (0, 1)


def static(times: Times, numbers: Numbers) -> Camera:
    """The same pose in every clip."""
    del numbers
    distance, elevation, azimuth = STATIC_POSE
    return _around(np.full(len(times), distance), elevation, azimuth + 0.0 * times)


def orbit(times: Times, numbers: Numbers) -> Camera:
    """A slow way around the arena, at one height."""
    distance, elevation, azimuth, turn = _scaled(numbers)
    return _around(np.full(len(times), distance), elevation, azimuth + turn * times)


def dolly(times: Times, numbers: Numbers) -> Camera:
    """Straight towards the arena's middle or away from it, from a distance and a side that each clip has of its own."""
    distance, elevation, azimuth, turn = _scaled(numbers)
    pace = DOLLY * turn / ORBIT["turn"][1]
    middle = times - times.mean()
    return _around(distance + pace * middle, elevation, np.full(len(times), azimuth))


CAMERAS: dict[str, Callable[[Times, Numbers], Camera]] = {"static": static, "orbit": orbit, "dolly": dolly}
"""Motions by name."""


def shaken(camera: Camera, key: counter_random.Key, intensity: float) -> Camera:
    """The camera in an unsteady hand: it turns a little, anew in every frame, and stays where it is."""
    if intensity == 0:
        return camera
    stray = counter_random.uniform(key, np.arange(len(camera.eye)), "shake", 3, -SHAKE, SHAKE)
    return Camera(camera.eye, camera.target + intensity * stray, camera.fov)


def _scaled(numbers: Numbers) -> Numbers:
    low, high = np.array(list(ORBIT.values())).T
    return low + (high - low) * numbers


def _around(distance: Times, elevation: float, azimuth: Times) -> Camera:
    ground = np.cos(elevation) * np.stack([np.cos(azimuth), np.sin(azimuth)], axis=-1)
    upward = np.full((len(azimuth), 1), np.sin(elevation))
    target = np.tile(np.array(LOOK_AT), (len(azimuth), 1))
    eye = target + distance[:, None] * np.concatenate([ground, upward], axis=-1)
    return Camera(eye=eye, target=target, fov=FIELD_OF_VIEW)
