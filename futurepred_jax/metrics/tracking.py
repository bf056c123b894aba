"""A tracker that finds targets in predicted frames by their known colour.

Shading multiplies an object's colour by one factor, so its chroma, rgb divided by its sum, is that of its albedo.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from einops import rearrange, reduce, repeat
from jaxtyping import Array, Bool, Float, Int

Unit = Float[Array, "b t h w c"]
"""RGB frames in [0, 1], channels last."""

Pixels = Int[Array | np.ndarray, "b t k"]
"""Numbers of pixels of each object in each frame."""

SIGMA = 0.08  # in chroma; hues are at least 0.24 apart, so a pixel of the nearest other hue weighs 1 %, and grey 0
FASTEST = 0.125  # motion of the fastest target per frame, as a share of the frame's height
GATE = 2 * FASTEST  # radius of the search area around the last accepted place, as a share of the frame's height
DARK = 0.02  # added to the sum of rgb, so that the chroma of black stays near zero
DETECTED = 0.25  # least score of a detection, as a share of the object's truly visible area
REACH = 1.5  # pixels within this many radii of the centroid (plus one pixel for blurred edges) belong to the object
AROUND = 3.0  # radius of the surroundings that are compared with the object, in units of its reach
COMPACT = 0.5  # least share of the score of object and surroundings within reach; of even noise a ninth is


class Targets(NamedTuple):
    """The true state of the tracked objects over the scored frames.

    Places are (x, y) in px; the centre of a pixel has the coordinates (column, row).

    Attributes:
        ids: The objects' values in an instance map.
        start: Projection of the object's centre in the last frame before the scored ones.
        centre: Projection of the object's centre in every scored frame.
        place: Centroid of the object's visible pixels, which is where a tracker should find it even if it is partly
            hidden.
        visible_px: Number of visible pixels.
        amodal_px: Number of pixels that the object would have if nothing covered it.
        rgb: Albedo in [0, 1].
        exists: Whether the slot is used.
    """

    ids: Int[Array, "b k"]
    start: Float[Array, "b k 2"]
    centre: Float[Array, "b t k 2"]
    place: Float[Array, "b t k 2"]
    visible_px: Int[Array, "b t k"]
    amodal_px: Int[Array, "b t k"]
    rgb: Float[Array, "b k 3"]
    exists: Bool[Array, "b k"]


class Tracks(NamedTuple):
    """What the tracker found.

    Attributes:
        place: Place (x, y) in px; where the object was not detected, the last place that was accepted.
        detected: Whether the object was detected.
    """

    place: Float[Array, "b t k 2"]
    detected: Bool[Array, "b t k"]


class Blob(NamedTuple):
    """A compact group of pixels with high scores in a map of scores in [0, 1].

    Attributes:
        place: Centroid (x, y) of the scores, in px.
        area: Sum of the scores within the object's radius of the centroid.
        share: ``area`` divided by the sum of the scores in the surroundings as well.
    """

    place: Float[Array, "b k 2"]
    area: Float[Array, "b k"]
    share: Float[Array, "b k"]


@jax.jit
def track(video: Unit, targets: Targets) -> Tracks:
    """Tracks every target through a video by the chroma of its albedo.

    In each frame a pixel scores exp(-||chroma - c||^2 / 2 SIGMA^2), where c is the target's chroma, and the candidate
    place is the centroid of the scores inside a gate of radius GATE around the last accepted place. The candidate is
    accepted, and the target detected, if the scores within its reach (REACH radii of the object) sum to at least
    DETECTED of the truly visible area and to at least COMPACT of the scores inside the gate or AROUND the candidate.

    The gate grows by FASTEST for every frame since the last detection in which the target was truly not ``evaluable``.
    A target that is truly in view but missing in the video is not searched for farther away, since what has its colour
    there is something else.

    Args:
        video: RGB frames in [0, 1].
        targets: The true targets. The tracker uses their colours, their first places and their visible areas, but no
            later place.
    """
    height = video.shape[2]
    least = least_area(height)  # a few pixels of its colour must not move the gate of a hidden object

    def step(carry: tuple[Array, Array], frame: tuple[Array, ...]) -> tuple[tuple[Array, Array], Tracks]:
        place, away = carry
        picture, visible, amodal, in_view = frame
        near = within(place, (GATE + FASTEST * away) * height, picture.shape[1:3])
        found = blob(likeness(picture, targets.rgb), near, reach(amodal, height))
        enough = (found.area >= DETECTED * jnp.maximum(visible, least)) & (found.share >= COMPACT)
        detected = enough & targets.exists
        place = jnp.where(detected[..., None], found.place, place)
        return (place, jnp.where(detected, 0, away + ~in_view)), Tracks(place, detected)

    of_targets = (targets.visible_px, targets.amodal_px, evaluable(targets, height))
    frames = (rearrange(video, "b t h w c -> t b h w c"), *(rearrange(each, "b t k -> t b k") for each in of_targets))
    _, tracks = jax.lax.scan(step, (targets.start, jnp.zeros(targets.exists.shape)), frames)
    return Tracks(rearrange(tracks.place, "t b k xy -> b t k xy"), rearrange(tracks.detected, "t b k -> b t k"))


@partial(jax.jit, static_argnames="height")
def evaluable(targets: Targets, height: int) -> Bool[Array, "b t k"]:
    """Returns where enough of each target is visible to score it; see ``mostly_visible``."""
    return mostly_visible(targets.visible_px, targets.amodal_px, height) & targets.exists[:, None]


def mostly_visible(visible_px: Pixels, amodal_px: Pixels, height: int) -> Any:
    """Returns where at least half of an object, and at least ``least_area`` pixels of it, are visible.

    Args:
        visible_px: Number of the object's visible pixels.
        amodal_px: Number of pixels that it would have if nothing covered it.
        height: Height of the frames in pixels.
    """
    return (visible_px >= least_area(height)) & (2 * visible_px >= amodal_px)


def likeness(picture: Float[Array, "b h w 3"], rgb: Float[Array, "b k 3"]) -> Float[Array, "b k h w"]:
    """Returns how similar each pixel's chroma is to that of each colour, from 0 (different) to 1 (equal)."""
    distance = jnp.sum((chroma(picture)[:, None] - chroma(rgb)[:, :, None, None]) ** 2, axis=-1)
    return jnp.exp(-distance / (2 * SIGMA**2))


def blob(score: Float[Array, "b k h w"], near: Bool[Array, "b k h w"], radius: Float[Array, "b k"]) -> Blob:
    """Returns the blob around the centroid of scores.

    Args:
        score: Scores in [0, 1].
        near: Pixels among which the blob is searched for.
        radius: Radius of each blob in px.
    """
    inside = jnp.where(near, score, 0)
    total = jnp.maximum(reduce(inside, "b k h w -> b k 1", "sum"), 1e-6)
    place = jnp.einsum("bkhw,hwx->bkx", inside, pixel_centres(*score.shape[2:]), precision="highest") / total
    area = reduce(jnp.where(within(place, radius, score.shape[2:]), inside, 0), "b k h w -> b k", "sum")
    around = near | within(place, AROUND * radius, score.shape[2:])
    return Blob(place, area, area / jnp.maximum(reduce(jnp.where(around, score, 0), "b k h w -> b k", "sum"), 1e-6))


def within(place: Float[Array, "b k 2"], radius: Float[Array, "b k"], shape: tuple[int, ...]) -> Bool[Array, "b k h w"]:
    """Returns the pixels of a frame of the given shape (h, w) that are at most ``radius`` px from each place."""
    offset = pixel_centres(*shape) - place[:, :, None, None]
    return jnp.sum(offset**2, axis=-1) <= radius[:, :, None, None] ** 2


def reach(amodal: Int[Array, "*b k"], height: int) -> Float[Array, "*b k"]:
    """Returns the radius in px around an object's centroid within which pixels belong to the object."""
    return REACH * radius(amodal, height) + 1


def radius(amodal: Int[Array, "*b k"], height: int) -> Float[Array, "*b k"]:
    """Returns the radius in px of the disc with the object's area, in a frame of ``height`` pixels."""
    return jnp.sqrt(jnp.maximum(amodal, least_area(height)) / jnp.pi)


def least_area(height: int) -> float:
    """Returns how many visible pixels an object must at least have to be scored: max(6, 12 (height / 64)^2)."""
    return max(6.0, 12 * (height / 64) ** 2)


def chroma(rgb: Float[Array, "*n 3"]) -> Float[Array, "*n 3"]:
    """Returns colours without their brightness: rgb divided by its sum, and near zero for black."""
    return rgb / (jnp.sum(rgb, axis=-1, keepdims=True) + DARK)


def pixel_centres(height: int, width: int) -> Float[Array, "h w 2"]:
    """Returns the coordinates (x, y) of every pixel's centre."""
    columns = repeat(jnp.arange(width), "w -> h w", h=height)
    rows = repeat(jnp.arange(height), "h -> h w", w=width)
    return jnp.stack([columns, rows], axis=-1).astype(jnp.float32)
