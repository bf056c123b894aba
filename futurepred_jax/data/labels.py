"""The truth that comes with a clip: each label is one function of the scene and its pictures, and one row."""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, no_type_check

import numpy as np
from jaxtyping import Bool, Int
from numba import njit

from futurepred_jax.data.flow import forward_flow
from futurepred_jax.data.scene import Rendered, Scene
from futurepred_jax.data.spec import SLOTS, ClutterSpec
from futurepred_jax.data.trajectories import FAMILIES, IRREDUCIBLE


class Field(NamedTuple):
    """What a clip has under a name.

    ``axes`` names its dimensions: ``t`` frames, ``h`` and ``w`` pixels, ``k`` object slots, or a number.
    """

    dtype: str
    axes: str
    meaning: str
    of: Callable[[Scene, Rendered], np.ndarray | int | float | bool]

    def shape(self, spec: ClutterSpec) -> tuple[int, ...]:
        """Its lengths in clips of a specification (of the split, see ``spec.in_split``)."""
        lengths = {"t": spec.length, "h": spec.size, "w": spec.size, "k": SLOTS}
        return tuple(lengths.get(axis) or int(axis) for axis in self.axes.split())


def labels(scene: Scene, drawn: Rendered, names: Iterable[str]) -> dict[str, np.ndarray]:
    """Some of ``FIELDS`` of a clip.

    Raises:
        ValueError: a name is unknown.
    """
    unknown = [name for name in names if name not in FIELDS]
    if unknown:
        raise ValueError(f"labels: unknown {', '.join(unknown)}; known are {', '.join(FIELDS)}")
    return {name: np.asarray(FIELDS[name].of(scene, drawn)).astype(FIELDS[name].dtype, copy=False) for name in names}


def boxes(scene: Scene, drawn: Rendered) -> Int[np.ndarray, "t k 4"]:
    """The smallest box around each object's visible pixels; zero where there are none."""
    size = drawn.instance.shape[1]
    found = np.tile(np.array([size, size, 0, 0], np.int16), (*scene.alive.shape, 1))
    _enclose(drawn.instance, found)
    return found * (drawn.visible_px > 0)[..., None]


@njit(cache=True, nogil=True)
@no_type_check
def _enclose(instance, found):
    for t in range(instance.shape[0]):
        for y in range(instance.shape[1]):
            for x in range(instance.shape[2]):
                if instance[t, y, x] > 0:
                    box = found[t, instance[t, y, x] - 1]
                    box[0], box[1] = min(box[0], x), min(box[1], y)
                    box[2], box[3] = max(box[2], x + 1), max(box[3], y + 1)


def overlaps(scene: Scene, drawn: Rendered) -> Bool[np.ndarray, "t k"]:
    """Objects that are partly inside another: the spheres of their smallest half extents meet."""
    del drawn
    used = np.flatnonzero(scene.exists)
    place, alive, inner = scene.position[:, used], scene.alive[:, used], scene.size[used].min(axis=1)
    apart = np.square(place[:, :, None] - place[:, None]).sum(axis=-1)
    meets = (apart < np.square(inner[:, None] + inner)) & alive[:, None] & alive[:, :, None]
    found = np.zeros(scene.alive.shape, bool)
    found[:, used] = (meets & ~np.eye(len(used), dtype=bool)).any(axis=2)
    return found


def predictable(scene: Scene, drawn: Rendered) -> Bool[np.ndarray, "t h w"]:
    """Pixels that the context can tell of: not of an object that comes later, or that walks at random."""
    known = scene.alive[: scene.context].any(axis=0)
    known &= ~np.isin(scene.family, [tuple(FAMILIES).index(name) for name in IRREDUCIBLE])
    mask = np.concatenate([[True], known])[drawn.instance]
    mask[: scene.context] = True
    return mask


FIELDS: Mapping[str, Field] = {
    "video": Field("uint8", "t h w 3", "clean frames", lambda _, d: d.video),
    "instance": Field("uint8", "t h w", "0 on the background, else slot + 1", lambda _, d: d.instance),
    "noise": Field(
        "float32",
        "4",
        "sigma, salt, flicker, dropped, of the [0, 1] range",
        lambda s, _: np.array([s.noise.sigma, s.noise.salt, s.noise.flicker, s.noise.dropped]),
    ),
    "index": Field("int64", "", "of the clip in its split", lambda s, _: s.index),
    "position": Field("float32", "t k 3", "centres, metres, z up from the ground", lambda s, _: s.position),
    "centre": Field("float32", "t k 2", "(x, y) in pixels, whose centres are whole numbers", lambda _, d: d.centre),
    "visible_px": Field("int32", "t k", "pixels that show the object", lambda _, d: d.visible_px),
    "amodal_px": Field("int32", "t k", "pixels, as if nothing were in the way", lambda _, d: d.amodal_px),
    "alive": Field("bool", "t k", "drawn in this frame", lambda s, _: s.alive),
    "exists": Field("bool", "k", "the slot holds an object", lambda s, _: s.exists),
    "rgb": Field("float32", "k 3", "albedo in [0, 1]", lambda s, _: s.rgb),
    "hue": Field("int8", "k", "target's hue, index into looks.HUES, or -1", lambda s, _: s.hue),
    "role": Field("int8", "k", "index into scene.ROLES", lambda s, _: s.role),
    "family": Field("int8", "k", "of motion, index into trajectories.FAMILIES", lambda s, _: s.family),
    "shape": Field("int8", "k", "index into scene.SHAPES", lambda s, _: s.shape),
    "size": Field("float32", "k 3", "half extents along the object's axes, metres", lambda s, _: s.size),
    "velocity": Field("float32", "t k 3", "m/s, just after the frame's time", lambda s, _: s.velocity),
    "rotation": Field("float32", "t k 3 3", "object axes to world axes", lambda s, _: s.rotation),
    "box": Field("int16", "t k 4", "[x0, x1) × [y0, y1) of the visible pixels as (x0, y0, x1, y1)", boxes),
    "bounce": Field("bool", "t k", "met ground or wall since the frame before", lambda s, _: s.bounce),
    "collision": Field("int8", "t k", "slot of whom it hit since the frame before, or -1", lambda s, _: s.collision),
    "hidden": Field("bool", "t k", "all of it is behind its occluder", lambda s, _: s.hidden),
    "overlap": Field("bool", "t k", "partly inside another object", overlaps),
    "camera_intrinsics": Field("float32", "3 3", "K: pixels from camera axes", lambda _, d: d.intrinsics),
    "camera_rotation": Field("float32", "t 3 3", "R: x right, y down, z ahead", lambda _, d: d.camera_rotation),
    "camera_translation": Field("float32", "t 3", "t, metres: x_camera = R x + t", lambda _, d: d.camera_translation),
    "flagged": Field(
        "bool", "", "no draw kept a rule: a target is left out, or none is hidden", lambda s, _: s.flagged
    ),
    "possible": Field("bool", "", "false where a probe's target defies physics", lambda s, _: s.possible),
    "depth": Field("float32", "t h w", "metres along the optical axis, infinite at the sky", lambda _, d: d.depth),
    "flow": Field("float32", "t h w 2", "pixels (x, y) to where the surface is in the next frame", forward_flow),
    "predictable": Field("bool", "t h w", "the context can tell of this pixel", predictable),
}
"""All that a clip can have, by name."""
