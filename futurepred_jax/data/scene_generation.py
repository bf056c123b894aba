"""A whole scene from a specification, a split and an index."""

import dataclasses
import functools
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from futurepred_jax.data import counter_random, probes
from futurepred_jax.data.camera import Pose, pose
from futurepred_jax.data.cast import TARGET, Cast, draw_cast
from futurepred_jax.data.clutter import draw_noise
from futurepred_jax.data.looks import HUES
from futurepred_jax.data.occluders import SceneObjects, add_occluder
from futurepred_jax.data.placement import MotionSampler, place
from futurepred_jax.data.scene import ROLES, Camera, Scene
from futurepred_jax.data.spec import CAPACITY, SLOTS, ClutterSpec, in_split, role_slots
from futurepred_jax.data.surroundings import make_background
from futurepred_jax.data.trajectories import TURN_SECONDS, contacts, velocities
from futurepred_jax.data.viewpoints import CAMERAS, shaken

REDRAWS = 64  # of a scene in which something must be hidden: one in seven or more has it
CLIP_FACTORS = {  # numbers a clip has once
    "targets": 1,
    "hue": len(HUES),
    "persistent": 1,
    "joint": 1,
    "tempo": 1,
    "camera": 4,
    "background": 4,
    "backdrop": 16,
    "drift": 2,
    "noise": 4,
}


def make_scene(spec: ClutterSpec, split: str, index: int) -> Scene:
    """Make a clip's scene: the same arguments give the same bits, on any host and in any order.

    Targets do not depend on the clutter: another ``level`` gives the same targets among other clutter.

    Args:
        spec: of training, or of the split; what the split changes is changed here.
        split: one of ``SPLITS``.
        index: of the clip.

    Raises:
        ValueError: the split is unknown or the index not in [0, 2³²).
    """
    spec = in_split(spec, split)
    key = spec.key(split, index // 2 if spec.occlusion == "paired" else index)
    scene = dataclasses.replace(_drawn(spec, key), index=index)
    return probes.member(scene, key, index % 2) if spec.occlusion == "paired" else scene


def make_cast(spec: ClutterSpec, split: str, index: int) -> Cast:
    """Who is in a clip's scene, before any of them is left out: its labels without places, in a sixth of the time.

    Raises:
        ValueError: the split is unknown, the index not in [0, 2³²), or scenes of the split are drawn again.
    """
    spec = in_split(spec, split)
    if spec.occlusion != "any":
        raise ValueError(f"{split}: its scenes are drawn again until a target is hidden; use make_scene")
    key = spec.key(split, index)
    return draw_cast(spec, key, _clip_factors(key))


class _Draft(NamedTuple):
    """Objects before a camera, and the numbers that the rest follows from."""

    objects: SceneObjects
    camera: Camera
    tempo: float
    numbers: dict[str, Float[np.ndarray, "_"]]


def _drawn(spec: ClutterSpec, key: counter_random.Key) -> Scene:
    """A scene, drawn again where an occluder must hide a target and none does."""
    draft = _draft(spec, key)
    for again in range(1, REDRAWS if spec.occlusion != "any" else 1):
        if draft.objects.hidden.any():
            break
        draft = _draft(spec, counter_random.bits(key, np.array([again]), "again", 2)[0])
    return _assemble(spec, key, draft)


def _draft(spec: ClutterSpec, key: counter_random.Key) -> _Draft:
    numbers = _clip_factors(key)
    camera, view = _static_view(spec) if spec.camera == "static" else _view(spec, numbers["camera"])
    slowest, fastest = spec.tempo
    tempo = slowest + (fastest - slowest) * float(numbers["tempo"][0])
    turn = max((spec.frames - 1) / spec.fps, TURN_SECONDS)
    sampler = MotionSampler(key, spec.times * tempo, view, turn, spec.gravity)
    objects = add_occluder(spec, key, place(draw_cast(spec, key, numbers), sampler), view)
    return _Draft(objects, camera, tempo, numbers)


def _clip_factors(key: counter_random.Key) -> dict[str, Float[np.ndarray, "_"]]:
    return {name: row[0] for name, row in counter_random.uniform_of(key, np.zeros(1, np.int64), CLIP_FACTORS).items()}


def _view(spec: ClutterSpec, numbers: Float[np.ndarray, "4"]) -> tuple[Camera, Pose]:
    camera = CAMERAS[spec.camera](spec.times, numbers)
    return camera, pose(camera, spec.size)


@functools.cache
def _static_view(spec: ClutterSpec) -> tuple[Camera, Pose]:
    """The view that all clips share, whose pose is worth a tenth of a scene's time."""
    return _view(spec, np.zeros(4))


def _assemble(spec: ClutterSpec, key: counter_random.Key, draft: _Draft) -> Scene:
    """Put objects, which come in the order of their roles, in their roles' slots."""
    placed, hidden = draft.objects
    flagged = placed.left_out > 0 or (spec.occlusion != "any" and not hidden.any())
    cast, numbers, times = placed.cast, draft.numbers, spec.times * draft.tempo
    counts = np.bincount(cast.role, minlength=len(ROLES))
    slots = np.concatenate([np.arange(SLOTS)[role_slots(role)][:n] for role, n in zip(ROLES, counts, strict=True)])
    moving = slice(len(placed.motion.rest))
    family = cast.family[moving]
    met = contacts(times, family, placed.motion)
    kept = np.ones(len(slots), bool)
    if spec.clutter_free:
        spec, kept, hidden = dataclasses.replace(spec, level="clean"), cast.role == TARGET, hidden & False
    return Scene(
        position=_spread(placed.position, slots, 0.0, axis=1),
        velocity=_spread(draft.tempo * velocities(times, family, placed.motion), slots[moving], 0.0, axis=1),
        rotation=_spread(cast.rotation(spec.times), slots, np.eye(3), axis=1),
        size=_spread(cast.size, slots, 1.0),
        shape=_spread(cast.shape, slots, 0),
        rgb=_spread(cast.rgb, slots, 0.0),
        hue=_spread(cast.hue, slots, -1),
        role=np.repeat(np.arange(len(ROLES)), [CAPACITY[role] for role in ROLES]),
        family=_spread(cast.family, slots, 0),
        alive=_spread(cast.alive & kept, slots, False, axis=1),
        exists=_spread(kept, slots, False),
        bounce=_spread(met.bounce, slots[moving], False, axis=1),
        collision=_spread(np.where(met.met < 0, -1, slots[met.met]), slots[moving], -1, axis=1),
        hidden=_spread(hidden, slots, False, axis=1),
        camera=shaken(draft.camera, key, spec.intensities.jitter),
        background=make_background(spec, numbers["background"], numbers["backdrop"], numbers["drift"]),
        noise=draw_noise(spec, numbers["noise"]),
        fps=spec.fps,
        index=int(key[1]),
        context=spec.context_frames,
        flagged=bool(flagged),
        possible=True,
    )


def _spread(values: np.ndarray, slots: Int[np.ndarray, "n"], empty, axis: int = 0) -> np.ndarray:
    """Place values along ``axis`` at ``slots``, and ``empty`` in the other slots."""
    shape = (*values.shape[:axis], SLOTS, *values.shape[axis + 1 :])
    result = np.empty(shape, values.dtype)
    result[...] = empty
    result[(slice(None),) * axis + (slots,)] = values
    return result
