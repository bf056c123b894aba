"""Position errors: places that the tracker found against the true places, in pixels."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from einops import rearrange, reduce
from jaxtyping import Array, Bool, Float, Int

from futurepred_jax.metrics.tracking import Targets, Tracks, evaluable, pixel_centres


class MotionScores(NamedTuple):
    """Position scores of every target in every frame.

    Attributes:
        error: Distance in px between the place found and the true place. Where the target is not detected, the place
            found is the last one that the tracker accepted.
        travelled: Length in px of the path that the target's centre has truly covered since the context.
        detected: Whether the tracker found the target.
        scored: Whether the target is evaluable, see ``tracking.evaluable``.
    """

    error: Float[Array, "b t k"]
    travelled: Float[Array, "b t k"]
    detected: Bool[Array, "b t k"]
    scored: Bool[Array, "b t k"]


@partial(jax.jit, static_argnames="height")
def motion_scores(tracks: Tracks, targets: Targets, *, height: int) -> MotionScores:
    """Compares tracks with the true targets.

    Args:
        tracks: Places found in a video.
        targets: The true targets.
        height: Height of the frames in pixels.
    """
    path = jnp.concatenate([targets.start[:, None], targets.centre], axis=1)
    steps = jnp.linalg.norm(jnp.diff(path, axis=1), axis=-1)
    return MotionScores(
        error=jnp.linalg.norm(tracks.place - targets.place, axis=-1),
        travelled=jnp.cumsum(steps, axis=1),
        detected=tracks.detected,
        scored=evaluable(targets, height),
    )


@jax.jit
def visible_places(
    instance: Int[Array, "b t h w"], ids: Int[Array, "b k"], centre: Float[Array, "b t k 2"]
) -> Float[Array, "b t k 2"]:
    """Returns the centroid (x, y) in px of each object's visible pixels, or its ``centre`` where none is visible.

    Args:
        instance: Instance map, in which every pixel holds the id of the object seen there and 0 on the background.
        ids: Ids of the objects.
        centre: Projections (x, y) in px of the objects' centres.
    """
    mask = (rearrange(instance, "b t h w -> b t 1 h w") == rearrange(ids, "b k -> b 1 k 1 1")).astype(jnp.float32)
    area = reduce(mask, "b t k h w -> b t k 1", "sum")
    total = jnp.einsum("btkhw,hwx->btkx", mask, pixel_centres(*instance.shape[2:]), precision="highest")
    return jnp.where(area > 0, total / jnp.maximum(area, 1), centre)
