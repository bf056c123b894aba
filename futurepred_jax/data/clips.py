"""One clip as plain arrays: pictures, the truth about them, and how much noise belongs to them."""

from collections.abc import Iterable, Mapping

import numpy as np

from futurepred_jax.data.labels import FIELDS, labels
from futurepred_jax.data.noise import add_noise
from futurepred_jax.data.render import render
from futurepred_jax.data.scene import Noise
from futurepred_jax.data.scene_generation import make_scene
from futurepred_jax.data.spec import ClutterSpec

CLIP_FIELDS = FIELDS
"""Fields of a clip: each with its type, its axes and what it holds."""

DENSE = ("depth", "flow", "predictable")
EVALUATION_FIELDS = tuple(name for name in CLIP_FIELDS if name not in DENSE)
"""What evaluation keeps on disk: all but the maps that would double a clip."""


def make_clip(
    spec: ClutterSpec, split: str, index: int, fields: Iterable[str] = EVALUATION_FIELDS
) -> dict[str, np.ndarray]:
    """Make and draw a clip: the same arguments give the same bits, alone or among others.

    Args:
        spec: of training, or of the split.
        split: one of ``SPLITS``.
        index: of the clip.
        fields: names of ``CLIP_FIELDS`` to make.

    Returns:
        the fields. The video is clean; ``noisy`` makes what a sensor would see of it.

    Raises:
        ValueError: the split or a field is unknown, or the index not in [0, 2³²).
    """
    scene = make_scene(spec, split, index)
    return labels(scene, render(scene, size=spec.size, samples=spec.samples), fields)


def noisy(spec: ClutterSpec, split: str, clips: Mapping[str, np.ndarray]) -> np.ndarray:
    """A clip's video with its own noise, uint8 [*b t h w 3]: the same bits whenever and wherever it is asked for.

    Args:
        spec: of the split.
        split: its name.
        clips: the fields ``video``, ``noise`` and ``index``, of one clip, or of several with leading axes.
    """
    strengths, index = np.moveaxis(clips["noise"].astype(float), -1, 0), np.asarray(clips["index"])
    keys = np.stack([spec.key(split, int(each)) for each in index.flat]).reshape(*index.shape, 2)
    return add_noise(clips["video"], Noise(*strengths), keys)
