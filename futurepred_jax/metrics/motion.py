"""Where the objects went: places found by the tracker beside the true ones, in pixels."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from einops import rearrange, reduce
from jaxtyping import Array, Bool, Float, Int

from futurepred_jax.metrics.tracking import Targets, Tracks, evaluable, pixel_centres


class MotionScores(NamedTuple):
    """``error`` and ``travelled`` in px: from the true place, and the centre's path since the context.

    ``scored`` says which objects are in view well enough to be evaluable; an error holds where it was also ``detected``,
    and is that of the last place accepted where it was not.
    """

    error: Float[Array, "b t k"]
    travelled: Float[Array, "b t k"]
    detected: Bool[Array, "b t k"]
    scored: Bool[Array, "b t k"]


@partial(jax.jit, static_argnames="height")
def motion_scores(tracks: Tracks, targets: Targets, *, height: int) -> MotionScores:
    """Compares tracks with the truth, in frames of ``height`` pixels."""
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
    """Centroids of the pixels whose instance is ``ids``, and ``centre`` where there is none."""
    mask = (rearrange(instance, "b t h w -> b t 1 h w") == rearrange(ids, "b k -> b 1 k 1 1")).astype(jnp.float32)
    area = reduce(mask, "b t k h w -> b t k 1", "sum")
    total = jnp.einsum("btkhw,hwx->btkx", mask, pixel_centres(*instance.shape[2:]), precision="highest")
    return jnp.where(area > 0, total / jnp.maximum(area, 1), centre)
