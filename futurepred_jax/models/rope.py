"""Rotary position embedding over the three axes of a token grid (RoFormer, arXiv:2104.09864 §3.2, one part an axis)."""

import jax.numpy as jnp
import numpy as np
from einops import rearrange
from jaxtyping import Array, Float

BASE = 100.0  # wavelengths are below 2π·100 positions: grids are at most some dozens long on each axis


def rotary_angles(grid: tuple[int, int, int], head_dim: int) -> Float[np.ndarray, "n pairs"]:
    """Angles in radians by which each pair of channels turns at each position of a grid, in raster order (t, h, w).

    Raises:
        ValueError: as ``frequencies``.
    """
    position = rearrange(np.indices(grid), "a t h w -> (t h w) a")
    angles = [position[:, axis, None] * turns for axis, turns in enumerate(frequencies(head_dim))]
    return np.concatenate(angles, axis=-1).astype(np.float32)


def angles_at(position: Float[Array, "n 3"], head_dim: int) -> Float[Array, "n pairs"]:
    """The same at any places (t, h, w), in units of a grid's positions, between and beyond them too."""
    angles = [position[:, axis, None] * turns for axis, turns in enumerate(frequencies(head_dim))]
    return jnp.concatenate(angles, axis=-1)


def frequencies(head_dim: int) -> list[Float[np.ndarray, "_"]]:
    """Radians a position by which pairs of channels turn, for t, h and w.

    Three eighths of the pairs go to each of h and w, the rest to t.

    Raises:
        ValueError: where ``head_dim`` leaves an axis without a pair of channels.
    """
    pairs = head_dim // 2
    spatial = 3 * pairs // 8
    if head_dim % 2 or spatial < 1:
        raise ValueError(f"head dimension {head_dim}: three axes need an even number of at least 6")
    return [BASE ** -(np.arange(count) / count) for count in (pairs - 2 * spatial, spatial, spatial)]


def rotate(x: Float[Array, "*b heads d"], angles: Float[Array, "... pairs"]) -> Float[Array, "*b heads d"]:
    """Turn channels (i, i + d/2) of every head by the position's angle i; computed in float32."""
    cos, sin = jnp.cos(angles)[..., None, :], jnp.sin(angles)[..., None, :]
    first, second = jnp.split(x.astype(jnp.float32), 2, axis=-1)
    turned = jnp.concatenate([first * cos - second * sin, second * cos + first * sin], axis=-1)
    return turned.astype(x.dtype)
