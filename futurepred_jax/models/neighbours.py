"""Which earlier tokens stand next to a token of a grid: the window that the Transformer's input is made from."""

from functools import partial

import jax.numpy as jnp
import numpy as np
from einops import rearrange
from jaxtyping import Int

OUTSIDE = -1
at_places = partial(
    jnp.take, axis=0, mode="clip"
)  # a place beyond the values is read as the nearest, for who ignores it


def causal_neighbours(grid: tuple[int, int, int], *, frames: int = 2, radius: int = 1) -> Int[np.ndarray, "n s"]:
    """Indices, in raster order (t, h, w), of the tokens before each one that lie next to it in space and time.

    The first column is the token just before; the second the one at the same place, one frame earlier; then come what
    stands before it in its own window of side ``2 * radius + 1``, and the same window in each of ``frames`` earlier
    frames. Every index is smaller than its row's, or OUTSIDE.
    """
    n = int(np.prod(grid))
    here = rearrange(np.indices(grid), "a t h w -> (t h w) a")
    window = [(dh, dw) for dh in range(-radius, radius + 1) for dw in range(-radius, radius + 1)]
    offsets = [(0, dh, dw) for dh, dw in window if dh < 0 or (dh == 0 and dw < -1)]  # dw = -1 is the token just before
    offsets += [(-dt, dh, dw) for dt in range(1, frames + 1) for dh, dw in window if (dt, dh, dw) != (1, 0, 0)]
    columns = [np.arange(n) - 1, *(_shifted(here, offset, grid) for offset in [(-1, 0, 0), *offsets])]
    return np.stack(columns, axis=-1).astype(np.int32)


def _shifted(here: Int[np.ndarray, "n 3"], offset: tuple[int, int, int], grid: tuple[int, int, int]) -> np.ndarray:
    there = here + np.array(offset)
    inside = np.all((there >= 0) & (there < np.array(grid)), axis=-1)
    return np.where(inside, there @ np.array([grid[1] * grid[2], grid[2], 1]), OUTSIDE)
