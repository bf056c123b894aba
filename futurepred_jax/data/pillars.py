"""What a pillar on the ground hides of a sphere that moves behind it."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from futurepred_jax.data.camera import Pose, to_camera

HIDDEN = (2, 6)  # frames
WIDEST = 0.9  # metres
NARROW = 0.5  # of a sphere's radius: even a cone that moves as it does shows beside the pillar
ABOVE = 1.2  # radii over a target's centre that a pillar reaches in the picture: the view goes down, so past its top


class Pillar(NamedTuple):
    """An upright cylinder on the ground, in metres."""

    foot: Float[np.ndarray, "2"]
    radius: float
    height: float


def fit_pillar(
    view: Pose, position: Float[np.ndarray, "t 3"], radius: float, along: float, frames: int, context_frames: int
) -> Pillar | None:
    """Find the narrowest pillar that hides a sphere for ``frames`` frames around the first future one.

    Args:
        view: the camera's.
        position: the sphere's centres.
        radius: the sphere's.
        along: where the pillar stands on the way from the camera (0) to the sphere (1).
        frames: to hide.
        context_frames: how many frames come before the future.

    Returns:
        nothing if it would be too wide, or hide the sphere for longer than ``HIDDEN`` allows.
    """
    window = frames_around(context_frames, frames)
    eye, middle = view.eye, min(context_frames, len(position) - 1)
    foot = (eye + along * (position - eye))[middle, :2]
    needed = needed_radius(view, position, radius, foot)
    pillar = Pillar(foot, float(needed[window].max()), float(_top(view, position, radius, foot)[window].max()))
    nearly = needed_radius(view, position, radius * NARROW, foot) <= pillar.radius
    return pillar if pillar.radius <= WIDEST and nearly.sum() <= HIDDEN[1] else None


def whole_pillar(
    view: Pose, position: Float[np.ndarray, "t 3"], radius: float, along: float, frames: int, context_frames: int
) -> Pillar | None:
    """As ``fit_pillar``, and as wide and high as it takes to hide all of the sphere, from wherever it is seen."""
    pillar = fit_pillar(view, position, radius, along, frames, context_frames)
    if pillar is None:
        return None
    window = frames_around(context_frames, frames)
    wide = float(span(view, position, radius, pillar.foot)[window].max())
    high = float(crest(view, position, radius, pillar.foot)[window].max())
    return Pillar(pillar.foot, wide, high) if wide <= WIDEST else None


def frames_around(context_frames: int, frames: int) -> slice:
    """Frames around the first future one."""
    first = max(context_frames - frames // 2, 0)
    return slice(first, first + frames)


def needed_radius(
    view: Pose, position: Float[np.ndarray, "t 3"], radius: float, foot: Float[np.ndarray, "2"]
) -> Float[np.ndarray, "t"]:
    """Radius (metres) from which on a tall pillar at ``foot`` hides a sphere near the picture's middle, by frame."""
    sphere = to_camera(view, position[:, None])[:, 0]
    level = np.concatenate([np.broadcast_to(foot, (len(position), 2)), position[:, 2:]], axis=1)
    pillar = to_camera(view, level[:, None])[:, 0]
    scale = pillar[:, 2] / sphere[:, 2]
    return np.abs(sphere[:, 0] * scale - pillar[:, 0]) + radius * scale


def covered(pillar: Pillar, view: Pose, position: Float[np.ndarray, "t 3"], radius: float) -> Bool[np.ndarray, "t"]:
    """Frames in which a pillar surely hides all of a sphere, which is behind it."""
    wide = span(view, position, radius, pillar.foot) <= pillar.radius
    away = np.linalg.norm(position[:, :2] - view.eye[:, :2], axis=-1)
    behind = away - radius > np.linalg.norm(pillar.foot - view.eye[:, :2], axis=-1) + pillar.radius
    return wide & behind & (crest(view, position, radius, pillar.foot) <= pillar.height)


def span(
    view: Pose, position: Float[np.ndarray, "t 3"], radius: float, foot: Float[np.ndarray, "2"]
) -> Float[np.ndarray, "t"]:
    """Half width (metres) from which on a tall wall at ``foot``, across the view, hides a sphere anywhere, by frame."""
    sphere, wall = position[:, :2] - view.eye[:, :2], foot - view.eye[:, :2]
    away = np.linalg.norm(sphere, axis=-1)
    turned = np.arctan2(wall[:, 0] * sphere[:, 1] - wall[:, 1] * sphere[:, 0], (wall * sphere).sum(axis=-1))
    angle = np.abs(turned) + np.arcsin(np.minimum(radius / away, 1))
    return np.linalg.norm(wall, axis=-1) * np.where(angle < 1.5, np.tan(angle), np.inf)


def crest(
    view: Pose, position: Float[np.ndarray, "t 3"], radius: float, foot: Float[np.ndarray, "2"]
) -> Float[np.ndarray, "t"]:
    """Height at which the sight line over a sphere's top passes above ``foot``, by frame."""
    line = position - view.eye
    away = np.linalg.norm(line, axis=-1)
    slope = np.arcsin(line[:, 2] / away) + np.arcsin(np.minimum(radius / away, 1))
    return view.eye[:, 2] + np.linalg.norm(foot - view.eye[:, :2], axis=-1) * np.tan(slope)


def _top(
    view: Pose, position: Float[np.ndarray, "t 3"], radius: float, foot: Float[np.ndarray, "2"]
) -> Float[np.ndarray, "t"]:
    """Height of a pillar at ``foot`` that reaches past a sphere's top in the picture."""
    eye = view.eye
    share = np.linalg.norm(foot - eye[:, :2], axis=-1) / np.linalg.norm((position - eye)[:, :2], axis=-1)
    return eye[:, 2] + share * (position[:, 2] + ABOVE * radius - eye[:, 2])
