"""What it takes to draw a clip elsewhere: small arrays in place of pictures, made by the host, drawn by ``device``."""

import dataclasses
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from futurepred_jax.data import camera, counter_random, tracing
from futurepred_jax.data.clutter import AT_ONCE
from futurepred_jax.data.labels import FIELDS
from futurepred_jax.data.noise import whole_frames
from futurepred_jax.data.render import bodies_of
from futurepred_jax.data.scene import Scene
from futurepred_jax.data.scene_generation import make_scene
from futurepred_jax.data.spec import CAPACITY, ClutterSpec, in_split


class Part(NamedTuple):
    """Type and dimensions of a part: ``t`` frames, ``n`` objects drawn in a frame, ``h`` rows, or a number."""

    dtype: str
    axes: str

    def shape(self, spec: ClutterSpec) -> tuple[int, ...]:
        """Its lengths in clips of a specification (of the split)."""
        lengths = {"t": spec.length, "n": most_drawn(spec), "h": spec.size}
        return tuple(lengths.get(axis) or int(axis) for axis in self.axes.split())


BODY_PARTS = ("instance", "origin", "axes", "light", "inverse_size", "quadric", "rgb", "shadow", "penumbra")
GROUND_PARTS = ("offset", "ground_pattern", "scale", "ground_rgb", "sky_rgb")
PARTS: Mapping[str, Part] = {
    "body_instance": Part("uint8", "t n"),  # slot + 1, or 0: there is no such object; the rest as ``tracing.BODY``
    "body_origin": Part("float32", "t n 3"),
    "body_axes": Part("float32", "t n 3 3"),
    "body_light": Part("float32", "t n 3"),
    "body_inverse_size": Part("float32", "t n 3"),
    "body_quadric": Part("float32", "t n 4"),
    "body_rgb": Part("float32", "t n 3"),
    "body_shadow": Part("float32", "t n 2 3"),
    "body_penumbra": Part("float32", "t n 2"),
    "eye": Part("float32", "t 3"),
    "to_world": Part("float32", "t 3 3"),
    "lens": Part("float32", "2"),  # focal length and principal point, pixels
    "offset": Part("float32", "t 2"),  # of the ground's pattern, as ``scene.Background``
    "ground_pattern": Part("int32", ""),
    "scale": Part("float32", ""),
    "ground_rgb": Part("float32", "2 3"),
    "sky_rgb": Part("float32", "2 3"),
    "gain": Part("float32", "t"),  # noise, as ``noise.WholeFrames`` and ``scene.Noise``
    "lost": Part("bool", "t h"),
    "sigma": Part("float32", ""),
    "salt": Part("float32", ""),
    "key": Part("uint32", "2"),
}
"""All that ``device.render`` reads of a clip."""


@dataclasses.dataclass(frozen=True)
class Blueprints:
    """A split whose clips are drawn where they are used; a ``pipeline.Source`` that keeps nothing on disk.

    Attributes:
        spec: of training, or of the split; what the split changes is changed here.
        split: one of ``SPLITS``.
        count: clips.
        labels: fields that a scene has itself, given beside the parts.

    Raises:
        ValueError: the split is unknown, or ``count`` is not in [1, 2³²].
    """

    spec: ClutterSpec
    split: str
    count: int
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"{self.count} clips of {self.split}: ask for at least 1")
        self.spec.key(self.split, self.count - 1)  # fails where there is no such clip
        object.__setattr__(self, "spec", in_split(self.spec, self.split))

    def __len__(self) -> int:
        return self.count

    def batch(self, indices: Int[np.ndarray, "b"]) -> dict[str, np.ndarray]:
        """``PARTS`` and labels of some clips, with a leading axis.

        Raises:
            IndexError: an index is not in [0, count).
        """
        if len(indices) and not 0 <= indices.min() <= indices.max() < self.count:
            raise IndexError(f"clips {indices.min()} … {indices.max()} of {self.split}: it has 0 … {self.count - 1}")
        clips = [self._clip(int(index)) for index in indices]
        return {name: np.stack([clip[name] for clip in clips]) for name in clips[0]}

    def _clip(self, index: int) -> dict[str, np.ndarray]:
        scene = make_scene(self.spec, self.split, index)
        parts = blueprint(scene, self.spec.key(self.split, index), size=self.spec.size, room=most_drawn(self.spec))
        return parts | {name: getattr(scene, name).astype(FIELDS[name].dtype) for name in self.labels}


def most_drawn(spec: ClutterSpec) -> int:
    """How many objects a frame may have, by the specification (of the split)."""
    most = {"persistent": CAPACITY["persistent"], "transient": AT_ONCE, "occluder": 1}
    return spec.objects[1] + sum(count for kind, count in most.items() if getattr(spec.intensities, kind) > 0)


def blueprint(scene: Scene, key: counter_random.Key, *, size: int, room: int) -> dict[str, np.ndarray]:
    """The parts of one clip.

    Args:
        scene: to draw.
        key: the clip's, of its noise.
        size: pixels a side.
        room: objects a frame, those that are there and empty ones.

    Raises:
        ValueError: a frame has more objects than ``room``.
    """
    pose, ground = camera.pose(scene.camera, size), scene.background
    noise = whole_frames(scene.noise, key, len(scene.alive), size)
    parts = {
        **_bodies(bodies_of(scene, pose, size), len(scene.alive), room),
        "eye": pose.eye,
        "to_world": pose.rotation.swapaxes(-1, -2),
        "lens": np.array([pose.focal, pose.principal]),
        **{name: np.asarray(getattr(ground, name)) for name in GROUND_PARTS},
        **noise._asdict(),
        "sigma": np.asarray(scene.noise.sigma),
        "salt": np.asarray(scene.noise.salt),
        "key": key,
    }
    return {name: parts[name].astype(part.dtype) for name, part in PARTS.items()}


def _bodies(bodies: np.ndarray, frames: int, room: int) -> dict[str, np.ndarray]:
    """Records of ``tracing.BODY``, which come frame after frame, at the first places of their frames."""
    frame = bodies["frame"]
    row = np.arange(len(bodies)) - np.searchsorted(frame, frame)
    if row.max(initial=0) >= room:
        raise ValueError(f"a frame with {row.max() + 1} objects: there must be room for them, and it is {room}")
    rows = np.zeros((frames, room), tracing.BODY)
    rows[frame, row] = bodies
    instance = np.zeros((frames, room))
    instance[frame, row] = bodies["slot"] + 1
    return {"body_instance": instance, **{f"body_{name}": rows[name] for name in BODY_PARTS[1:]}}
