"""Where rays enter a solid, and how light the surface is there: as ``tracing``, whose names these are, has it."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from futurepred_jax.data.camera import NEAR
from futurepred_jax.data.device.planes import Plane, Vector
from futurepred_jax.data.tracing import AMBIENT, DIFFUSE, QUADRIC, TINY


class Entry(NamedTuple):
    """Where rays enter a solid: lengths of the ray, infinite where it misses, and the face."""

    reach: Plane
    face: Int[Array, "s h w"]


def enter(origin: Float[Array, "3"], ray: Vector, quadric: Float[Array, "4"]) -> Entry:
    """First points of rays, from one origin, in a quadric cut by the box [-1, 1]³."""
    a, b, c, d = quadric
    x, y, z = origin
    u, v, w = ray
    square = a * (u * u + v * v) + b * w * w
    half = a * (x * u + y * v) + b * z * w + 0.5 * c * w
    square = jnp.where(jnp.abs(square) > TINY, square, TINY)
    low, high, crosses = _roots(square, half, a * (x * x + y * y) + b * z * z + c * z + d)
    near, far, face = _box(origin, ray)
    inside = square > 0  # of the quadric between the roots; a cone's is outside of them, and this its mirrored half
    by_low = inside & (low > near)
    by_high = ~inside & crosses & (low < near) & (near < high)
    face = jnp.where(by_low | by_high, QUADRIC, face)
    reach = jnp.where(by_low, low, jnp.where(by_high, high, near))
    last = jnp.where(inside, jnp.minimum(far, high), far)
    hit = (crosses | ~inside) & (reach > NEAR) & (reach <= last)
    return Entry(jnp.where(hit, reach, jnp.inf), face)


def lightness(
    point: Vector,
    ray: Vector,
    face: Int[Array, "s h w"],
    *,
    quadric: Float[Array, "4"],
    inverse_size: Float[Array, "3"],
    light: Float[Array, "3"],
) -> Plane:
    """Lambert's share of the albedo."""
    a, b, c, _ = quadric
    slope = 2 * a * point[0], 2 * a * point[1], 2 * b * point[2] + c
    normal = [
        jnp.where(face == QUADRIC, slope[axis], jnp.where(face == axis, -ray[axis], 0.0)) * inverse_size[axis]
        for axis in range(3)
    ]
    length = jnp.sqrt(sum(part * part for part in normal))
    towards = sum(part * light[axis] for axis, part in enumerate(normal))
    return AMBIENT + DIFFUSE * jnp.maximum(0, towards / jnp.maximum(length, TINY))


def _roots(square: Plane, half: Plane, constant: Float[Array, ""]) -> tuple[Plane, Plane, Bool[Array, "s h w"]]:
    """Ordered roots of ``square t² + 2 half t + constant``, where they exist, without cancellation."""
    discriminant = half * half - square * constant
    root = jnp.sqrt(jnp.maximum(discriminant, 0))
    total = jnp.where(half >= 0, -(half + root), root - half)
    one = total / square
    other = jnp.where(total != 0, constant / jnp.where(total != 0, total, 1), one)
    return jnp.minimum(one, other), jnp.maximum(one, other), discriminant >= 0


def _box(origin: Float[Array, "3"], ray: Vector) -> tuple[Plane, Plane, Int[Array, "s h w"]]:
    """Where lines enter and leave the box [-1, 1]³, and the axis of the face they enter by."""
    first, last = [], []
    for start, step in zip(origin, ray, strict=True):
        inverse = 1 / jnp.where(step != 0, step, TINY)
        ends = (-1 - start) * inverse, (1 - start) * inverse
        first.append(jnp.minimum(*ends))
        last.append(jnp.maximum(*ends))
    near, far = jnp.stack(first), jnp.stack(last)
    return near.max(0), far.min(0), near.argmax(0)
