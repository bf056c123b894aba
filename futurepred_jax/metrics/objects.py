"""Object scores: overlap of masks, errors in the number of objects, and false detections."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from einops import rearrange, reduce
from jaxtyping import Array, Bool, Float, Int

from futurepred_jax.metrics.tracking import (
    COMPACT,
    DETECTED,
    REACH,
    Targets,
    Tracks,
    Unit,
    blob,
    evaluable,
    least_area,
    likeness,
    radius,
    reach,
    within,
)

ALIKE = 0.3  # least likeness in chroma of a pixel of an object's predicted mask: half way to the next hue


class Palette(NamedTuple):
    """The colours that targets can have.

    Attributes:
        rgb: The colours in [0, 1].
        absent: Which of the colours no target of each clip has.
    """

    rgb: Float[Array, "p 3"]
    absent: Bool[Array, "b p"]


class ObjectScores(NamedTuple):
    """Object scores of every frame.

    Attributes:
        iou: Intersection over union of each target's predicted and true mask; meaningful where it is evaluable.
        count_error: Absolute difference between the numbers of objects found and of objects truly evaluable.
        false_detections: Number of detections that match no true object.
        known: Whether the clip's objects are known, so that the two scores above are defined.
    """

    iou: Float[Array, "b t k"]
    count_error: Float[Array, "b t"]
    false_detections: Float[Array, "b t"]
    known: Bool[Array, "b t"]


@jax.jit
def object_scores(
    video: Unit, tracks: Tracks, targets: Targets, instance: Int[Array, "b t h w"], palette: Palette
) -> ObjectScores:
    """Scores the objects that a tracker has found in a video.

    An object's predicted mask holds the pixels within reach of its place that have its chroma. An object that was not
    found has an IoU of 0. Objects that are neither evaluable nor wholly out of sight do not enter the count.

    Args:
        video: The video, in [0, 1].
        tracks: Places found in it.
        targets: The true targets.
        instance: True instance map, see ``motion.visible_places``.
        palette: The colours that targets can have.
    """
    height = video.shape[2]
    true = evaluable(targets, height)
    gone = (targets.visible_px == 0) & targets.exists[:, None]
    phantoms = _phantoms(video, targets, palette)
    error = jnp.linalg.norm(tracks.place - targets.place, axis=-1)
    lost = tracks.detected & (gone | (error > REACH * radius(targets.amodal_px, height)))
    found = reduce(tracks.detected & (true | gone), "b t k -> b t", "sum") + phantoms
    return ObjectScores(
        iou=_iou(video, tracks, targets, instance),
        count_error=jnp.abs(found - reduce(true, "b t k -> b t", "sum")).astype(jnp.float32),
        false_detections=(phantoms + reduce(lost, "b t k -> b t", "sum")).astype(jnp.float32),
        known=jnp.broadcast_to(jnp.any(targets.exists, axis=-1, keepdims=True), phantoms.shape),
    )


def _iou(video: Unit, tracks: Tracks, targets: Targets, instance: Int[Array, "b t h w"]) -> Float[Array, "b t k"]:
    """Computes the intersection over union frame by frame, since the masks of all frames may not fit into memory."""

    def frame(now: tuple[Array, ...]) -> Float[Array, "b k"]:
        picture, place, detected, amodal, ids = now
        near = within(place, reach(amodal, picture.shape[1]), picture.shape[1:3])
        predicted = near & (likeness(picture, targets.rgb) >= ALIKE) & detected[..., None, None]
        true = rearrange(ids, "b h w -> b 1 h w") == rearrange(targets.ids, "b k -> b k 1 1")
        both, either = (reduce(mask, "b k h w -> b k", "sum") for mask in (predicted & true, predicted | true))
        return both / jnp.maximum(either, 1)

    by_time = (video, tracks.place, tracks.detected, targets.amodal_px, instance)
    found = jax.lax.map(frame, tuple(jnp.swapaxes(each, 0, 1) for each in by_time))
    return rearrange(found, "t b k -> b t k")


def _phantoms(video: Unit, targets: Targets, palette: Palette) -> Int[Array, "b t"]:
    """Counts the blobs that are as large as the clip's targets and have a colour that none of them has."""
    height, real = video.shape[2], targets.exists[:, None] & (targets.amodal_px > 0)
    amodal = jnp.sum(targets.amodal_px * real, axis=(1, 2)) / jnp.maximum(jnp.sum(real, axis=(1, 2)), 1)
    size = jnp.broadcast_to(amodal[:, None], palette.absent.shape).astype(jnp.int32)
    colours = jnp.broadcast_to(palette.rgb, (*palette.absent.shape, 3))

    def frame(picture: Float[Array, "b h w 3"]) -> Int[Array, "b"]:
        score = likeness(picture, colours)
        found = blob(score, jnp.ones_like(score, bool), reach(size, height))
        enough = (found.area >= DETECTED * jnp.maximum(size, least_area(height))) & (found.share >= COMPACT)
        return jnp.sum(enough & palette.absent, axis=-1)

    return rearrange(jax.lax.map(frame, jnp.swapaxes(video, 0, 1)), "t b -> b t")
