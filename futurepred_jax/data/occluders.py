"""Pillars and curtains that hide a target for 2 to 6 frames across the border between context and future."""

import itertools
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from futurepred_jax.data import random
from futurepred_jax.data.barriers import OCCLUDERS
from futurepred_jax.data.camera import Pose, to_camera
from futurepred_jax.data.cast import NAMES, TARGET, Cast
from futurepred_jax.data.looks import greyish
from futurepred_jax.data.placement import Placed
from futurepred_jax.data.scene import ROLES, SHAPES
from futurepred_jax.data.spec import ClutterSpec

HIDDEN = (2, 6)  # frames
ALONG = (0.55, 0.8)  # place on the way from the camera to the target
WIDEST = 0.9  # metres
NARROW = 0.5  # of a sphere's radius: even a cone that moves as it does shows beside the pillar
ABOVE = 1.2  # radii over a target's centre that a pillar reaches in the picture: the view goes down, so past its top
ELEMENT = 300  # number of the pillar's draws


class Pillar(NamedTuple):
    """An upright cylinder on the floor, in metres."""

    foot: Float[np.ndarray, "2"]
    radius: float
    height: float


class Staged(NamedTuple):
    """Objects, with an occluder where there is one, and what it surely hides."""

    placed: Placed
    hidden: Bool[np.ndarray, "t k"]


def add_occluder(spec: ClutterSpec, key: random.Key, placed: Placed, view: Pose) -> Staged:
    """Set an occluder, with the chance of its intensity, before the first target that one can hide.

    There is none where no target moves fast enough to be seen again, or where it would stand in another object.
    """
    nothing = Staged(placed, np.zeros(placed.position.shape[:2], bool))
    if spec.intensities.occluder == 0:
        return nothing
    chance, along, length, tone, *tint = random.uniform(key, np.array([ELEMENT]), "pillar", 7)[0]
    if chance >= spec.intensities.occluder:
        return nothing
    along = ALONG[0] + (ALONG[1] - ALONG[0]) * along
    longest = HIDDEN[0] + int(length * (HIDDEN[1] - HIDDEN[0] + 1))
    kind = spec.occluders[random.pick(random.uniform(key, np.array([ELEMENT]), "occluder")[0], len(spec.occluders))[0]]
    targets = np.flatnonzero(placed.cast.role == TARGET)
    reach = placed.cast.reach
    for frames, target in itertools.product(range(longest, HIDDEN[0] - 1, -1), targets):
        path = placed.position[:, target]
        pillar = fit_pillar(view, path, reach[target], along, frames, spec.border)
        if pillar is not None and _stands_clear(pillar, placed):
            rgb = greyish(np.array([tone]), np.array([tint]))
            staged = placed.join(*_as_object(pillar, kind, rgb, view, spec))
            hidden = np.zeros(staged.position.shape[:2], bool)
            hidden[:, target] = covered(pillar, view, path, reach[target])
            return Staged(staged, hidden)
    return nothing


def fit_pillar(
    view: Pose, position: Float[np.ndarray, "t 3"], radius: float, along: float, frames: int, border: int
) -> Pillar | None:
    """Find the narrowest pillar that hides a sphere for ``frames`` frames around the first future one.

    Args:
        view: the camera's.
        position: the sphere's centres.
        radius: the sphere's.
        along: where the pillar stands on the way from the camera (0) to the sphere (1).
        frames: to hide.
        border: number of the first future frame.

    Returns:
        nothing if it would be too wide, or hide the sphere for longer than ``HIDDEN`` allows.
    """
    first = max(border - frames // 2, 0)
    window = slice(first, first + frames)
    eye, middle = view.eye, min(border, len(position) - 1)
    foot = (eye + along * (position - eye))[middle, :2]
    needed = needed_radius(view, position, radius, foot)
    pillar = Pillar(foot, float(needed[window].max()), float(_top(view, position, radius, foot)[window].max()))
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


def covered(pillar: Pillar, view: Pose, position: Float[np.ndarray, "t 3"], radius: float) -> Bool[np.ndarray, "t"]:
    """Frames in which a pillar surely hides all of a sphere."""
    wide = needed_radius(view, position, radius, pillar.foot) <= pillar.radius
    return wide & (_top(view, position, radius, pillar.foot) <= pillar.height)


def _top(
    view: Pose, position: Float[np.ndarray, "t 3"], radius: float, foot: Float[np.ndarray, "2"]
) -> Float[np.ndarray, "t"]:
    """Height of a pillar at ``foot`` that reaches past a sphere's top in the picture."""
    eye = view.eye
    share = np.linalg.norm(foot - eye[:, :2], axis=-1) / np.linalg.norm((position - eye)[:, :2], axis=-1)
    return eye[:, 2] + share * (position[:, 2] + ABOVE * radius - eye[:, 2])


def _stands_clear(pillar: Pillar, placed: Placed) -> bool:
    birth = placed.cast.alive.argmax(axis=0)
    start = placed.position[birth, np.arange(len(birth)), :2]
    apart = np.linalg.norm(start - pillar.foot, axis=-1)
    return bool((apart > pillar.radius + placed.cast.reach).all())


def _as_object(
    pillar: Pillar, kind: str, rgb: Float[np.ndarray, "1 3"], view: Pose, spec: ClutterSpec
) -> tuple[Cast, Float[np.ndarray, "t 1 3"]]:
    towards = view.eye[min(spec.border, spec.length - 1), :2] - pillar.foot
    solid = OCCLUDERS[kind](pillar.radius, pillar.height, float(np.arctan2(towards[1], towards[0])))
    cast = Cast(
        element=np.array([ELEMENT]),
        role=np.array([ROLES.index("occluder")]),
        family=np.array([NAMES.index("static")]),
        shape=np.array([SHAPES.index(solid.shape)]),
        size=solid.size[None],
        rgb=rgb,
        hue=np.array([-1]),
        axis=np.array([[0.0, 0.0, 1.0]]),
        angle=np.array([solid.angle]),
        rate=np.zeros(1),
        alive=np.ones((spec.length, 1), bool),
    )
    return cast, np.tile(np.array([*pillar.foot, pillar.height / 2]), (spec.length, 1, 1))
