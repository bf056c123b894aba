"""What a prediction must beat: trivial guesses at the future, and the same scene drawn from what its past tells.

All are made from the noise-free context, also where a model sees a noisy one: they are as strong as they can be.
"""

import dataclasses

import numpy as np
from einops import repeat
from jaxtyping import Float, Int, UInt8

from futurepred_jax.data.pipeline import Source
from futurepred_jax.data.render import render
from futurepred_jax.data.scene import Camera, Scene
from futurepred_jax.data.scenes import make_scene
from futurepred_jax.data.spec import ClutterSpec

Unit = Float[np.ndarray, "b t h w c"]
"""Frames in [0, 1], channels last."""


def pixel_floors(
    context: UInt8[np.ndarray, "b past h w c"], frames: int, mean_frame: Float[np.ndarray, "h w c"]
) -> dict[str, Unit]:
    """The futures that need no more than the context's pixels.

    Args:
        context: Noise-free frames.
        frames: Length of the future.
        mean_frame: Mean over the training split, see ``mean_frame``.
    """
    context = context.astype(np.float32) / 255
    shape = (len(context), frames, *context.shape[2:])
    return {
        "copy_last": repeat(context[:, -1], "b h w c -> b t h w c", t=frames),
        "context_mean": repeat(context.mean(axis=1), "b h w c -> b t h w c", t=frames),
        "mean_frame": np.broadcast_to(mean_frame, shape).astype(np.float32),
        "black_frame": np.zeros(shape, np.float32),
    }


def mean_frame(source: Source, *, clips: int = 1024, batch_size: int = 64) -> Float[np.ndarray, "h w c"]:
    """Mean of all frames, in [0, 1], of the first ``clips`` noise-free clips of a (training) split."""
    count = min(clips, len(source))
    total = 0.0
    for start in range(0, count, batch_size):
        video = source.batch(np.arange(start, min(start + batch_size, count)))["video"]
        total = total + video.mean(axis=1, dtype=np.float64).sum(axis=0)
    return np.asarray(total / (255 * count), np.float32)


def redraw(
    spec: ClutterSpec, split: str, indices: Int[np.ndarray, "b"], *, context: int, frames: int
) -> dict[str, Unit]:
    """Draws clips' futures twice: at the velocities of the last two context frames, and at the true parameters.

    Neither knows an object that is born after the context.
    """
    drawn = {"constant_velocity": [], "true_parameters": []}
    for index in indices:
        scene = make_scene(spec, split, int(index))
        drawn["constant_velocity"].append(_draw(spec, coast(scene, context, frames)))
        drawn["true_parameters"].append(_draw(spec, foreseeable(scene, context, frames)))
    return {name: np.stack(videos).astype(np.float32) / 255 for name, videos in drawn.items()}


def _draw(spec: ClutterSpec, scene: Scene) -> UInt8[np.ndarray, "t h w c"]:
    return render(scene, size=spec.size, samples=spec.samples).video


def foreseeable(scene: Scene, context: int, frames: int) -> Scene:
    """The true future of every object that lived at some time of the context."""
    future = scene.cut(slice(context, context + frames))
    return dataclasses.replace(future, alive=future.alive & scene.alive[:context].any(axis=0))


def coast(scene: Scene, context: int, frames: int) -> Scene:
    """The scene in which objects and camera go on as between the last two context frames, and nothing is born or dies.

    Raises:
        ValueError: The context has a single frame, which has no velocity.
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
    """Repeats the last turn about the world's axes."""
    last, before = rotation[context - 1], rotation[context - 2]
    turn = last @ before.swapaxes(-1, -2)
    turned = []
    for _ in range(frames):
        last = turn @ last
        turned.append(last)
    return np.stack(turned)
