"""Where the objects went: targets are found by their known colour and compared with their true places, in pixels.

Shading multiplies an object's colour by one factor, so its chroma, rgb over the sum of rgb, stays that of its albedo.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from einops import rearrange, reduce, repeat
from jaxtyping import Array, Bool, Float, Int

Unit = Float[Array, "b t h w c"]
"""RGB frames in [0, 1], channels last."""

SIGMA = 0.08  # chroma; twelve hues lie 0.24 and more apart, so a neighbour's pixel weighs 1 %; grey weighs nothing
GATE = 0.25  # of the frame's height around the last accepted place; the fastest target moves half of that a frame
DARK = 0.02  # added to the sum of rgb, so that the chroma of black stays near zero
DETECTED = 0.25  # share of the expected visible area that the score must reach


class Targets(NamedTuple):
    """The truth of the tracked objects over the scored frames; unused slots have ``exists`` false.

    Places are (x, y) in px, where a pixel has its centre at (column, row). ``start`` and ``centre`` are projections of
    the object's centre, in the last context frame and after; ``place`` is the centroid of its visible pixels, which is
    where a tracker should find it also when it is half hidden.
    """

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


class MotionScores(NamedTuple):
    """``error`` and ``travelled`` in px: from the true place, and the centre's path since the context.

    ``scored`` says which objects are in view well enough to be judged; an error holds where it was also ``detected``.
    """

    error: Float[Array, "b t k"]
    travelled: Float[Array, "b t k"]
    detected: Bool[Array, "b t k"]
    scored: Bool[Array, "b t k"]


@partial(jax.jit, static_argnames=("sigma", "gate"))
def track(video: Unit, targets: Targets, *, sigma: float = SIGMA, gate: float = GATE) -> Tracks:
    """Follows every target through the video by the chroma of its albedo.

    In each frame the place is the centroid of exp(-||chroma - c||^2 / 2 sigma^2) inside a gate around the last accepted
    place. It is accepted, and the object detected, when the score inside the gate sums to DETECTED of the truly visible
    area. The gate grows by its own radius for every frame missed.

    Args:
        video: RGB frames.
        targets: The truth; it gives colours, start and expected areas, never a later place.
        sigma: Tolerance in chroma.
        gate: Radius as a share of the frame's height.
    """
    colour = _chroma(targets.rgb)
    pixels = _pixel_centres(video.shape[2], video.shape[3])
    least = _least_area(video.shape[2])  # a fleck of colour must not draw away the gate of an object that is hidden

    def step(carry, frame):
        place, missed = carry
        picture, visible = frame
        distance = jnp.sum((_chroma(picture)[:, None] - colour[:, :, None, None]) ** 2, axis=-1)
        radius = gate * video.shape[2] * (1 + missed)
        near = jnp.sum((pixels - place[:, :, None, None]) ** 2, axis=-1) <= radius[:, :, None, None] ** 2
        score = jnp.where(near, jnp.exp(-distance / (2 * sigma**2)), 0)
        area = reduce(score, "b k h w -> b k", "sum")
        centroid = jnp.einsum("bkhw,hwx->bkx", score, pixels, precision="highest") / jnp.maximum(area, 1e-6)[..., None]
        detected = (area >= DETECTED * jnp.maximum(visible, least)) & targets.exists
        place = jnp.where(detected[..., None], centroid, place)
        return (place, jnp.where(detected, 0, missed + 1)), Tracks(place, detected)

    frames = rearrange(video, "b t h w c -> t b h w c"), rearrange(targets.visible_px, "b t k -> t b k")
    start = targets.start, jnp.zeros(targets.exists.shape)
    _, tracks = jax.lax.scan(step, start, frames)
    return Tracks(rearrange(tracks.place, "t b k xy -> b t k xy"), rearrange(tracks.detected, "t b k -> b t k"))


def _chroma(rgb: Float[Array, "*n 3"]) -> Float[Array, "*n 3"]:
    return rgb / (jnp.sum(rgb, axis=-1, keepdims=True) + DARK)


def _pixel_centres(height: int, width: int) -> Float[Array, "h w 2"]:
    """(x, y) of every pixel's centre."""
    columns = repeat(jnp.arange(width), "w -> h w", h=height)
    rows = repeat(jnp.arange(height), "h -> h w", w=width)
    return jnp.stack([columns, rows], axis=-1).astype(jnp.float32)


@partial(jax.jit, static_argnames="height")
def motion_scores(tracks: Tracks, targets: Targets, *, height: int) -> MotionScores:
    """Compares tracks with the truth, in frames of ``height`` pixels."""
    path = jnp.concatenate([targets.start[:, None], targets.centre], axis=1)
    steps = jnp.linalg.norm(jnp.diff(path, axis=1), axis=-1)
    return MotionScores(
        error=jnp.linalg.norm(tracks.place - targets.place, axis=-1),
        travelled=jnp.cumsum(steps, axis=1),
        detected=tracks.detected,
        scored=judged(targets, height),
    )


@partial(jax.jit, static_argnames="height")
def judged(targets: Targets, height: int) -> Bool[Array, "b t k"]:
    """True where at least max(6, 12 (height / 64)^2) pixels and half of the object are visible."""
    visible, amodal = targets.visible_px, targets.amodal_px
    enough = visible >= _least_area(height)
    return enough & (2 * visible >= amodal) & targets.exists[:, None]


def _least_area(height: int) -> float:
    """Visible pixels from which an object is judged."""
    return max(6.0, 12 * (height / 64) ** 2)


@jax.jit
def visible_places(
    instance: Int[Array, "b t h w"], ids: Int[Array, "b k"], centre: Float[Array, "b t k 2"]
) -> Float[Array, "b t k 2"]:
    """Centroids of the pixels whose instance is ``ids``, and ``centre`` where there is none."""
    mask = (rearrange(instance, "b t h w -> b t 1 h w") == rearrange(ids, "b k -> b 1 k 1 1")).astype(jnp.float32)
    area = reduce(mask, "b t k h w -> b t k 1", "sum")
    total = jnp.einsum("btkhw,hwx->btkx", mask, _pixel_centres(*instance.shape[2:]), precision="highest")
    return jnp.where(area > 0, total / jnp.maximum(area, 1), centre)
