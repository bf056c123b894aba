"""Floors, which a prediction must beat, and scenes rendered anew: trivial predictions and extrapolated true scenes.

All of them use the noise-free context, even if the model sees a noisy one, so that they are as strong as possible.
"""

import dataclasses
import functools
from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from einops import repeat
from jaxtyping import Float, Int, UInt8

from futurepred_jax.data.pipeline import Source
from futurepred_jax.data.render import render
from futurepred_jax.data.scene import ROLES, Camera, Scene
from futurepred_jax.data.scene_generation import make_scene
from futurepred_jax.data.spec import ClutterSpec
from futurepred_jax.metrics.clutter import Drawings
from futurepred_jax.pixels import to_unit

AVERAGED = 1024  # number of training clips that the mean frame averages
CLUTTER = tuple(ROLES.index(role) for role in ("persistent", "transient"))

Unit = Float[np.ndarray, "b t h w c"]
"""Frames in [0, 1], channels last."""


def pixel_floors(
    context: UInt8[np.ndarray, "b past h w c"], frames: int, mean_frame: Float[np.ndarray, "h w c"]
) -> dict[str, Unit]:
    """Returns the futures in [0, 1] that are predicted from pixels alone, by the name of the floor.

    Args:
        context: Noise-free context frames.
        frames: Number of future frames.
        mean_frame: Mean frame of the training split in [0, 1], from ``mean_frame``.
    """
    context = to_unit(context)
    shape = (len(context), frames, *context.shape[2:])
    return {
        "copy_last": repeat(context[:, -1], "b h w c -> b t h w c", t=frames),
        "context_mean": repeat(context.mean(axis=1), "b h w c -> b t h w c", t=frames),
        "mean_frame": np.broadcast_to(mean_frame, shape).astype(np.float32),
        "black_frame": np.zeros(shape, np.float32),
    }


def mean_frame(source: Source, *, clips: int = AVERAGED, batch_size: int = 64) -> Float[np.ndarray, "h w c"]:
    """Returns the mean frame, in [0, 1], of the first ``clips`` noise-free clips of a (training) split."""
    count = min(clips, len(source))
    total = 0.0
    for start in range(0, count, batch_size):
        video = source.batch(np.arange(start, min(start + batch_size, count)))["video"]
        total = total + video.mean(axis=1, dtype=np.float64).sum(axis=0)
    return np.asarray(total / (255 * count), np.float32)


_scene = functools.lru_cache(maxsize=64)(make_scene)  # the scenes of a batch are needed four times


def redraw(
    spec: ClutterSpec, split: str, indices: Int[np.ndarray, "b"], *, context: int, frames: int
) -> dict[str, Unit]:
    """Renders the futures of clips at constant velocity and at their true parameters, without objects born later.

    Args:
        spec: Specification of the clips.
        split: Their split.
        indices: Their indices in the split.
        context: Number of context frames.
        frames: Number of future frames.

    Returns:
        The floor ``constant_velocity``, which continues the motion between the last two context frames, and the ceiling
        ``true_parameters``; frames in [0, 1].
    """
    scenes = [_scene(spec, split, int(index)) for index in indices]
    futures = {
        "constant_velocity": [coast(scene, context, frames) for scene in scenes],
        "true_parameters": [foreseeable(scene, context, frames) for scene in scenes],
    }
    return {name: _rendered(spec, scenes).video for name, scenes in futures.items()}


def redraw_clutter(
    spec: ClutterSpec, split: str, indices: Int[np.ndarray, "b"], *, context: int, frames: int
) -> Drawings:
    """Renders the true futures of clips without clutter, and with transients of the context that never end."""
    scenes = [_scene(spec, split, int(index)) for index in indices]
    without = _rendered(spec, [decluttered(scene, context, frames) for scene in scenes])
    lasting = _rendered(spec, [everlasting(scene, context, frames) for scene in scenes])
    return Drawings(*map(jnp.asarray, (without.video, lasting.video, lasting.instance)))


class _Rendered(NamedTuple):
    video: Unit
    instance: Int[np.ndarray, "b t h w"]


def _rendered(spec: ClutterSpec, scenes: Sequence[Scene]) -> _Rendered:
    rendered = [render(scene, size=spec.size, samples=spec.samples) for scene in scenes]
    video = to_unit(np.stack([each.video for each in rendered]))
    return _Rendered(video, np.stack([each.instance for each in rendered]).astype(np.int32))


def foreseeable(scene: Scene, context: int, frames: int) -> Scene:
    """Returns the true future of the objects that were alive during the context."""
    future = scene.cut(slice(context, context + frames))
    return dataclasses.replace(future, alive=future.alive & scene.alive[:context].any(axis=0))


def decluttered(scene: Scene, context: int, frames: int) -> Scene:
    """Returns the true future without clutter: targets and occluders."""
    future = scene.cut(slice(context, context + frames))
    return dataclasses.replace(future, alive=future.alive & ~np.isin(scene.role, CLUTTER))


def everlasting(scene: Scene, context: int, frames: int) -> Scene:
    """Returns the true future in which the transients of the last context frame do not end."""
    future = scene.cut(slice(context, context + frames))
    kept = scene.alive[context - 1] & (scene.role == ROLES.index("transient"))
    return dataclasses.replace(future, alive=future.alive | kept)


def coast(scene: Scene, context: int, frames: int) -> Scene:
    """Returns the future in which objects and camera continue their motion between the last two context frames.

    No object appears or disappears.

    Raises:
        ValueError: If the context has a single frame, which has no velocity.
    """
    if context < 2:
        raise ValueError(f"context of {context} frames: a velocity needs at least 2; lengthen the context")
    camera, ground = scene.camera, scene.background
    return dataclasses.replace(
        scene.cut(slice(context, context + frames)),
        position=_extrapolate(scene.position, context, frames),
        rotation=_spin(scene.rotation, context, frames),
        alive=np.broadcast_to(scene.alive[context - 1], (frames, scene.alive.shape[1])),
        camera=Camera(
            _extrapolate(camera.eye, context, frames), _extrapolate(camera.target, context, frames), camera.fov
        ),
        background=dataclasses.replace(ground, offset=_extrapolate(ground.offset, context, frames)),
    )


def _extrapolate(path: Float[np.ndarray, "t *n"], context: int, frames: int) -> Float[np.ndarray, "frames *n"]:
    last, before = path[context - 1], path[context - 2]
    ahead = np.arange(1, frames + 1, dtype=path.dtype).reshape(-1, *[1] * last.ndim)
    return last + ahead * (last - before)


def _spin(rotation: Float[np.ndarray, "t k 3 3"], context: int, frames: int) -> Float[np.ndarray, "frames k 3 3"]:
    """Repeats the rotation between the last two context frames."""
    last, before = rotation[context - 1], rotation[context - 2]
    turn = last @ before.swapaxes(-1, -2)
    turned = []
    for _ in range(frames):
        last = turn @ last
        turned.append(last)
    return np.stack(turned)
