"""Pillars and curtains that hide a target for 2 to 6 frames across the boundary between context and future."""

import itertools
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from futurepred_jax.data import counter_random
from futurepred_jax.data.barriers import OCCLUDERS
from futurepred_jax.data.camera import Pose
from futurepred_jax.data.cast import NAMES, TARGET, Cast
from futurepred_jax.data.looks import greyish
from futurepred_jax.data.pillars import HIDDEN, Pillar, covered, fit_pillar, span, whole_pillar
from futurepred_jax.data.placement import Placed, in_view
from futurepred_jax.data.scene import ROLES, SHAPES
from futurepred_jax.data.shapes import bounding_radius
from futurepred_jax.data.spec import ClutterSpec

ALONG = (0.55, 0.8)  # place on the way from the camera to the target
PLACES = 4  # that are tried on that way where something must be hidden
ELEMENT = 300  # number of the pillar's draws


class SceneObjects(NamedTuple):
    """Objects, with an occluder where there is one, and what it surely hides."""

    placed: Placed
    hidden: Bool[np.ndarray, "t k"]


def add_occluder(spec: ClutterSpec, key: counter_random.Key, placed: Placed, view: Pose) -> SceneObjects:
    """Set an occluder, with the chance of its intensity, before the first target that one can hide.

    There is none where no target moves fast enough to be seen again, or where it would stand in another object.
    """
    nothing = SceneObjects(placed, np.zeros(placed.position.shape[:2], bool))
    if spec.intensities.occluder == 0:
        return nothing
    chance, along, length, tone, *tint = counter_random.uniform(key, np.array([ELEMENT]), "pillar", 7)[0]
    if chance >= spec.intensities.occluder:
        return nothing
    places = ALONG[0] + (ALONG[1] - ALONG[0]) * ((along + np.arange(PLACES) / PLACES) % 1)
    longest = HIDDEN[0] + int(length * (HIDDEN[1] - HIDDEN[0] + 1))
    lengths = range(longest, HIDDEN[0] - 1, -1)
    targets = np.flatnonzero(placed.cast.role == TARGET).tolist()
    for place, frames, target in itertools.product(places[: 1 if spec.occlusion == "any" else None], lengths, targets):
        found = _before(spec, placed, view, target, float(place), frames)
        if found is not None:
            pillar, hidden = found
            kinds = spec.occluders
            kind = kinds[
                counter_random.pick(counter_random.uniform(key, np.array([ELEMENT]), "occluder")[0], len(kinds))[0]
            ]
            objects = placed.join(*_as_object(pillar, kind, greyish(np.array([tone]), np.array([tint])), view, spec))
            return SceneObjects(objects, hidden[:, None] & (np.arange(objects.position.shape[1]) == target))
    return nothing


def _before(
    spec: ClutterSpec, placed: Placed, view: Pose, target: int, along: float, frames: int
) -> tuple[Pillar, Bool[np.ndarray, "t"]] | None:
    """A pillar that hides a target, and when; where something must be hidden, all of it."""
    cast, path, must = placed.cast, placed.position[:, target], spec.occlusion != "any"
    whole = float(bounding_radius(cast.shape[[target]], cast.size[[target]])[0])
    fit, radius = (whole_pillar, whole) if must else (fit_pillar, float(cast.reach[target]))
    pillar = fit(view, path, radius, along, frames, spec.context_frames)
    if pillar is None or not _stands_clear(pillar, placed):
        return None
    hidden = covered(pillar, view, path, whole)
    if must and not (_passed_by(pillar, placed) and _tells(pillar, view, path, hidden, spec.context_frames)):
        return None
    return pillar, hidden


def _stands_clear(pillar: Pillar, placed: Placed) -> bool:
    birth = placed.cast.alive.argmax(axis=0)
    start = placed.position[birth, np.arange(len(birth)), :2]
    apart = np.linalg.norm(start - pillar.foot, axis=-1)
    return bool((apart > pillar.radius + placed.cast.reach).all())


def _passed_by(pillar: Pillar, placed: Placed) -> bool:
    """Whether no object ever comes through a pillar."""
    apart = np.linalg.norm(placed.position[..., :2] - pillar.foot, axis=-1)
    return bool((~placed.cast.alive | (apart > pillar.radius + placed.cast.reach)).all())


def _tells(
    pillar: Pillar, view: Pose, position: Float[np.ndarray, "t 3"], hidden: Bool[np.ndarray, "t"], context_frames: int
) -> bool:
    """Tells whether a target is hidden for 2 to 6 frames where the future begins, and in sight before and after."""
    aside = span(view, position, 0.0, pillar.foot) > pillar.radius
    sight = aside & in_view(view, position[:, None])[:, 0]
    when = np.flatnonzero(hidden)
    at_boundary = hidden[context_frames - 1] and hidden[context_frames : context_frames + 1].any()
    if not (HIDDEN[0] <= len(when) <= HIDDEN[1] and at_boundary):
        return False
    return bool(sight[: when[0]].any() and sight[when[-1] + 1 :].any())


def _as_object(
    pillar: Pillar, kind: str, rgb: Float[np.ndarray, "1 3"], view: Pose, spec: ClutterSpec
) -> tuple[Cast, Float[np.ndarray, "t 1 3"]]:
    towards = view.eye[min(spec.context_frames, spec.length - 1), :2] - pillar.foot
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
