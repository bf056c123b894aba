"""Pillars that hide a target for 2 to 6 frames across the border between context and future."""

import itertools
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from futurepred_jax.data import random
from futurepred_jax.data.camera import Pose, to_camera
from futurepred_jax.data.cast import TARGET, Cast, greyish
from futurepred_jax.data.placement import Placed
from futurepred_jax.data.scene import ROLES, SHAPES
from futurepred_jax.data.spec import ClutterSpec
from futurepred_jax.data.trajectories import FAMILIES

HIDDEN = (2, 6)  # frames
ALONG = (0.55, 0.8)  # place on the way from the camera to the target
WIDEST = 0.9  # metres
NARROW = 0.5  # of a sphere's radius: even a cone that moves as it does shows beside the pillar
ELEMENT = 300  # number of the pillar's draws


class Pillar(NamedTuple):
    """An upright cylinder on the floor, in metres."""

    foot: Float[np.ndarray, "2"]
    radius: float
    height: float


def add_pillar(spec: ClutterSpec, key: random.Key, placed: Placed, view: Pose) -> Placed:
    """Set a pillar, with the chance of the occluder's intensity, before the first target that one can hide.

    There is none where no target moves fast enough to be seen again, or where it would stand in another object.
    """
    if spec.intensities.occluder == 0:
        return placed
    chance, along, length, tone, *tint = random.uniform(key, np.array([ELEMENT]), "pillar", 7)[0]
    if chance >= spec.intensities.occluder:
        return placed
    along = ALONG[0] + (ALONG[1] - ALONG[0]) * along
    longest = HIDDEN[0] + int(length * (HIDDEN[1] - HIDDEN[0] + 1))
    targets = np.flatnonzero(placed.cast.role == TARGET)
    for frames, target in itertools.product(range(longest, HIDDEN[0] - 1, -1), targets):
        pillar = fit_pillar(view, placed.position[:, target], placed.cast.reach[target], along, frames)
        if pillar is not None and _stands_clear(pillar, placed):
            rgb = greyish(np.array([tone]), np.array([tint]))
            return placed.join(_as_object(pillar, rgb, spec.frames))
    return placed


def fit_pillar(
    view: Pose, position: Float[np.ndarray, "t 3"], radius: float, along: float, frames: int
) -> Pillar | None:
    """Find the narrowest pillar that hides a sphere for ``frames`` frames around the first future one.

    Args:
        view: the camera's.
        position: the sphere's centres.
        radius: the sphere's.
        along: where the pillar stands on the way from the camera (0) to the sphere (1).
        frames: to hide.

    Returns:
        nothing if it would be too wide, or hide the sphere for longer than ``HIDDEN`` allows.
    """
    border = len(position) // 2 + 1  # the first future frame
    first = max(border - frames // 2, 0)
    window = slice(first, first + frames)
    eye, middle = view.eye, min(border, len(position) - 1)
    foot = (eye + along * (position - eye))[middle, :2]
    share = np.linalg.norm(foot - eye[:, :2], axis=-1) / np.linalg.norm((position - eye)[:, :2], axis=-1)
    top = eye[:, 2] + share * (position[:, 2] + 1.2 * radius - eye[:, 2])  # the view goes down, so past the top
    needed = needed_radius(view, position, radius, foot)
    pillar = Pillar(foot, float(needed[window].max()), float(top[window].max()))
    nearly = needed_radius(view, position, radius * NARROW, foot) <= pillar.radius
    return pillar if pillar.radius <= WIDEST and nearly.sum() <= HIDDEN[1] else None


def needed_radius(
    view: Pose, position: Float[np.ndarray, "t 3"], radius: float, foot: Float[np.ndarray, "2"]
) -> Float[np.ndarray, "t"]:
    """Radius (metres) from which on a tall pillar at ``foot`` hides the sphere, by frame."""
    sphere = to_camera(view, position[:, None])[:, 0]
    level = np.concatenate([np.broadcast_to(foot, (len(position), 2)), position[:, 2:]], axis=1)
    pillar = to_camera(view, level[:, None])[:, 0]
    scale = pillar[:, 2] / sphere[:, 2]
    return np.abs(sphere[:, 0] * scale - pillar[:, 0]) + radius * scale


def _stands_clear(pillar: Pillar, placed: Placed) -> bool:
    birth = placed.cast.alive.argmax(axis=0)
    start = placed.position[birth, np.arange(len(birth)), :2]
    apart = np.linalg.norm(start - pillar.foot, axis=-1)
    return bool((apart > pillar.radius + placed.cast.reach).all())


def _as_object(pillar: Pillar, rgb: Float[np.ndarray, "1 3"], frames: int) -> Placed:
    half = pillar.height / 2
    cast = Cast(
        element=np.array([ELEMENT]),
        role=np.array([ROLES.index("occluder")]),
        family=np.array([tuple(FAMILIES).index("static")]),
        shape=np.array([SHAPES.index("cylinder")]),
        size=np.array([[pillar.radius, pillar.radius, half]]),
        rgb=rgb,
        hue=np.array([-1]),
        yaw=np.zeros(1),
        yaw_rate=np.zeros(1),
        alive=np.ones((frames, 1), bool),
    )
    return Placed(cast, np.tile(np.array([*pillar.foot, half]), (frames, 1, 1)))
