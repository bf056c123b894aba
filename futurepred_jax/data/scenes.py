"""A whole scene from a specification, a split and an index."""

import functools

import numpy as np
from einops import rearrange
from jaxtyping import Float, Int

from futurepred_jax.data import random
from futurepred_jax.data.camera import Pose, pose
from futurepred_jax.data.cast import draw_cast, greyish
from futurepred_jax.data.clutter import draw_noise
from futurepred_jax.data.occluders import add_pillar
from futurepred_jax.data.placement import Placed, place
from futurepred_jax.data.scene import FLOORS, ROLES, Background, Camera, Noise, Scene
from futurepred_jax.data.spec import CAPACITY, HUES, SLOTS, ClutterSpec, role_slots

CLIP_FACTORS = {  # numbers a clip has once
    "targets": 1,
    "hue": len(HUES),
    "persistent": 1,
    "camera": 4,
    "background": 4,
    "backdrop": 16,
    "noise": 4,
}
FIELD_OF_VIEW = 42.0  # degrees
LOOK_AT = (0.0, 0.0, 1.0)
STATIC_POSE = (8.5, 0.45, -np.pi / 2)  # metres, and radians of elevation and of azimuth
ORBIT = {  # metres, radians, radians, rad/s
    "distance": (7.0, 10.0),
    "elevation": (0.3, 0.6),
    "azimuth": (-np.pi, np.pi),
    "turn": (-0.15, 0.15),
}
PLAIN_FLOOR = (0.58, 0.56, 0.53)
PLAIN_SKY = ((0.80, 0.86, 0.92), (0.56, 0.69, 0.86))  # horizon, zenith


def make_scene(spec: ClutterSpec, split: str, index: int) -> Scene:
    """Make a clip's scene: the same arguments give the same bits, on any host and in any order.

    Targets do not depend on the clutter: another ``level`` gives the same targets among other clutter.

    Raises:
        ValueError: the split is unknown or the index not in [0, 2³²).
    """
    key = spec.key(split, index)
    numbers = {name: row[0] for name, row in random.uniform_of(key, np.zeros(1, np.int64), CLIP_FACTORS).items()}
    camera, view = _static_view(spec) if spec.camera == "static" else _view(spec, numbers["camera"])
    placed = add_pillar(spec, key, place(draw_cast(spec, key, numbers), key, spec.times, view), view)
    background = make_background(spec, numbers["background"], numbers["backdrop"])
    return _assemble(spec, placed, camera, background, draw_noise(spec, numbers["noise"]))


def make_camera(spec: ClutterSpec, numbers: Float[np.ndarray, "4"]) -> Camera:
    """Place the camera on its orbit by numbers in (0, 1); a static one has the same pose in every clip."""
    distance, elevation, azimuth = STATIC_POSE
    turn = 0.0
    if spec.camera == "orbit":
        low, high = np.array(list(ORBIT.values())).T
        distance, elevation, azimuth, turn = low + (high - low) * numbers
    angle = azimuth + turn * spec.times
    ground = np.cos(elevation) * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    upward = np.full((len(angle), 1), np.sin(elevation))
    target = np.tile(np.array(LOOK_AT), (len(angle), 1))
    return Camera(eye=target + distance * np.concatenate([ground, upward], axis=-1), target=target, fov=FIELD_OF_VIEW)


def make_background(spec: ClutterSpec, numbers: Float[np.ndarray, "4"], colours: Float[np.ndarray, "16"]) -> Background:
    """Choose floor and sky by numbers in (0, 1); plain ones are the same in every clip, and none has a target's hue."""
    if spec.background == "plain":
        return Background(0, np.array([PLAIN_FLOOR, PLAIN_FLOOR]), 1.0, np.zeros(2), np.array(PLAIN_SKY))
    rgb = greyish(colours[:4], rearrange(colours[4:], "(n c) -> n c", c=3))
    return Background(
        floor=int(random.pick(numbers[:1], len(FLOORS))[0]),
        floor_rgb=rgb[:2],
        scale=float(0.6 + numbers[1]),
        offset=2 * numbers[2:],
        sky_rgb=rgb[2:],
    )


def _view(spec: ClutterSpec, numbers: Float[np.ndarray, "4"]) -> tuple[Camera, Pose]:
    camera = make_camera(spec, numbers)
    return camera, pose(camera, spec.size)


@functools.cache
def _static_view(spec: ClutterSpec) -> tuple[Camera, Pose]:
    """The view that all clips share, whose pose is worth a tenth of a scene's time."""
    return _view(spec, np.zeros(4))


def _assemble(spec: ClutterSpec, placed: Placed, camera: Camera, background: Background, noise: Noise) -> Scene:
    """Put objects, which come in the order of their roles, in their roles' slots."""
    cast = placed.cast
    counts = np.bincount(cast.role, minlength=len(ROLES))
    slots = np.concatenate([np.arange(SLOTS)[role_slots(role)][:n] for role, n in zip(ROLES, counts, strict=True)])
    yaw = cast.yaw + cast.yaw_rate * spec.times[:, None]
    return Scene(
        position=_spread(placed.position, slots, 0.0, axis=1),
        rotation=_spread(_about_z(yaw), slots, np.eye(3), axis=1),
        size=_spread(cast.size, slots, 1.0),
        shape=_spread(cast.shape, slots, 0),
        rgb=_spread(cast.rgb, slots, 0.0),
        hue=_spread(cast.hue, slots, -1),
        role=np.repeat(np.arange(len(ROLES)), [CAPACITY[role] for role in ROLES]),
        family=_spread(cast.family, slots, 0),
        alive=_spread(cast.alive, slots, False, axis=1),
        exists=_spread(np.ones(len(slots), bool), slots, False),
        camera=camera,
        background=background,
        noise=noise,
        fps=spec.fps,
    )


def _spread(values: np.ndarray, slots: Int[np.ndarray, "n"], empty, axis: int = 0) -> np.ndarray:
    """Place values along ``axis`` at ``slots``, and ``empty`` in the other slots."""
    shape = (*values.shape[:axis], SLOTS, *values.shape[axis + 1 :])
    result = np.empty(shape, values.dtype)
    result[...] = empty
    result[(slice(None),) * axis + (slots,)] = values
    return result


def _about_z(angle: Float[np.ndarray, "t k"]) -> Float[np.ndarray, "t k 3 3"]:
    """Rotations by ``angle`` about the vertical."""
    cos, sin, zero = np.cos(angle), np.sin(angle), np.zeros_like(angle)
    rows = [[cos, -sin, zero], [sin, cos, zero], [zero, zero, zero + 1]]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)
