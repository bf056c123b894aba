"""Rotary position embedding over the three axes of a token grid (RoFormer, arXiv:2104.09864 §3.2)."""

import jax.numpy as jnp
import numpy as np
from einops import rearrange
from jaxtyping import Array, Float

BASE = 100.0  # wavelengths are below 2π·100 positions: grids are at most some dozens long on each axis


def rotary_angles(grid: tuple[int, int, int], head_dim: int) -> Float[np.ndarray, "n pairs"]:
    """Returns the rotation angles of all positions of a grid.

    Args:
        grid: Latent frames, rows and columns.
        head_dim: Channels of an attention head.

    Returns:
        The angle of each pair of channels in radians, for positions in raster order (t, h, w).

    Raises:
        ValueError: If ``head_dim`` is odd or below 6.
    """
    position = rearrange(np.indices(grid), "a t h w -> (t h w) a")
    angles = [position[:, axis, None] * turns for axis, turns in enumerate(frequencies(head_dim))]
    return np.concatenate(angles, axis=-1).astype(np.float32)


def angles_at(position: Float[Array, "n 3"], head_dim: int) -> Float[Array, "n pairs"]:
    """Returns the rotation angles at any places (t, h, w), in units of grid positions, not necessarily whole ones."""
    angles = [position[:, axis, None] * turns for axis, turns in enumerate(frequencies(head_dim))]
    return jnp.concatenate(angles, axis=-1)


def frequencies(head_dim: int) -> list[Float[np.ndarray, "_"]]:
    """Returns the rotation per position, in radians, of the pairs of channels of each axis t, h and w.

    Three eighths of the pairs belong to each of h and w, and the others to t.

    Raises:
        ValueError: If ``head_dim`` is odd or below 6, so that an axis would have no pair of channels.
    """
    pairs = head_dim // 2
    spatial = 3 * pairs // 8
    if head_dim % 2 or spatial < 1:
        raise ValueError(f"head dimension {head_dim}: three axes need an even number of at least 6")
    return [BASE ** -(np.arange(count) / count) for count in (pairs - 2 * spatial, spatial, spatial)]


def rotate(x: Float[Array, "*b heads d"], angles: Float[Array, "... pairs"]) -> Float[Array, "*b heads d"]:
    """Rotates channels (i, i + d/2) of every head by the position's angle i, in float32."""
    cos, sin = jnp.cos(angles)[..., None, :], jnp.sin(angles)[..., None, :]
    first, second = jnp.split(x.astype(jnp.float32), 2, axis=-1)
    turned = jnp.concatenate([first * cos - second * sin, second * cos + first * sin], axis=-1)
    return turned.astype(x.dtype)
