"""Finds targets in pictures by their known colour.

Shading multiplies an object's colour by one factor, so its chroma, rgb over the sum of rgb, stays that of its albedo.
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

SIGMA = 0.08  # chroma; twelve hues lie 0.24 and more apart, so a neighbour's pixel weighs 1 %; grey weighs nothing
FASTEST = 0.125  # of the frame's height, that the fastest target moves in a frame
GATE = 2 * FASTEST  # of the frame's height around the last accepted place
DARK = 0.02  # added to the sum of rgb, so that the chroma of black stays near zero
DETECTED = 0.25  # share of the expected visible area that the score must reach
REACH = 1.5  # radii of the object around the centroid, and a pixel for blurred edges, that count as the object
AROUND = 3.0  # times the reach, how far the surroundings go that are compared with the object
COMPACT = 0.5  # share of the score of object and surroundings that must lie within reach: of even noise a ninth does


class Targets(NamedTuple):
    """The truth of the tracked objects over the scored frames; unused slots have ``exists`` false.

    Places are (x, y) in px, where a pixel has its centre at (column, row). ``start`` and ``centre`` are projections of
    the object's centre, in the last context frame and after; ``place`` is the centroid of its visible pixels, which is
    where a tracker should find it also when it is half hidden. ``ids`` are the objects' values in an instance map.
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
    """Places found, the last accepted one where the object was not detected."""

    place: Float[Array, "b t k 2"]
    detected: Bool[Array, "b t k"]


class Blob(NamedTuple):
    """Centroid of a map of scores in [0, 1], their sum within reach of it, and that sum's share of what is around."""

    place: Float[Array, "b k 2"]
    area: Float[Array, "b k"]
    share: Float[Array, "b k"]


@jax.jit
def track(video: Unit, targets: Targets) -> Tracks:
    """Follows every target through the video by the chroma of its albedo.

    In each frame the place is the centroid of exp(-||chroma - c||^2 / 2 SIGMA^2) inside a GATE around the last accepted
    place. It is accepted, and the object detected, when the score within reach of the centroid, REACH radii of the
    object, sums to DETECTED of the truly visible area and to COMPACT of all that is inside the gate or AROUND it. The
    gate grows by what the fastest target moves for every frame since in which the object was not ``evaluable``, that is
    truly out of view. What was in view and is missing in the video is not searched for farther off: what has its colour
    there is something else.

    Args:
        video: RGB frames.
        targets: The truth; it gives colours, start and expected areas, never a later place.
    """
    height = video.shape[2]
    least = least_area(height)  # a fleck of colour must not draw away the gate of an object that is hidden

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
    """How near every pixel's chroma is to that of each colour: 1 where it is the same, 0 where it is another."""
    distance = jnp.sum((chroma(picture)[:, None] - chroma(rgb)[:, :, None, None]) ** 2, axis=-1)
    return jnp.exp(-distance / (2 * SIGMA**2))


def blob(score: Float[Array, "b k h w"], near: Bool[Array, "b k h w"], radius: Float[Array, "b k"]) -> Blob:
    """The blob of ``radius`` px that the scores ``near`` an expected place are taken for."""
    inside = jnp.where(near, score, 0)
    total = jnp.maximum(reduce(inside, "b k h w -> b k 1", "sum"), 1e-6)
    place = jnp.einsum("bkhw,hwx->bkx", inside, pixel_centres(*score.shape[2:]), precision="highest") / total
    area = reduce(jnp.where(within(place, radius, score.shape[2:]), inside, 0), "b k h w -> b k", "sum")
    around = near | within(place, AROUND * radius, score.shape[2:])
    return Blob(place, area, area / jnp.maximum(reduce(jnp.where(around, score, 0), "b k h w -> b k", "sum"), 1e-6))


def within(place: Float[Array, "b k 2"], radius: Float[Array, "b k"], shape: tuple[int, ...]) -> Bool[Array, "b k h w"]:
    """Pixels of a frame of that shape at most ``radius`` px from each place."""
    offset = pixel_centres(*shape) - place[:, :, None, None]
    return jnp.sum(offset**2, axis=-1) <= radius[:, :, None, None] ** 2


def reach(amodal: Int[Array, "*b k"], height: int) -> Float[Array, "*b k"]:
    """How far from the centroid, in px, what belongs to an object may lie."""
    return REACH * radius(amodal, height) + 1


def radius(amodal: Int[Array, "*b k"], height: int) -> Float[Array, "*b k"]:
    """Radius in px of the disc that has the object's area, in a frame of ``height`` pixels."""
    return jnp.sqrt(jnp.maximum(amodal, least_area(height)) / jnp.pi)


def least_area(height: int) -> float:
    """Returns how many visible pixels an object must at least have to be scored: max(6, 12 (height / 64)^2)."""
    return max(6.0, 12 * (height / 64) ** 2)


def chroma(rgb: Float[Array, "*n 3"]) -> Float[Array, "*n 3"]:
    """Colour without its brightness; near zero where it is black."""
    return rgb / (jnp.sum(rgb, axis=-1, keepdims=True) + DARK)


def pixel_centres(height: int, width: int) -> Float[Array, "h w 2"]:
    """(x, y) of every pixel's centre."""
    columns = repeat(jnp.arange(width), "w -> h w", h=height)
    rows = repeat(jnp.arange(height), "h -> h w", w=width)
    return jnp.stack([columns, rows], axis=-1).astype(jnp.float32)
