"""The earlier tokens next to each token of a grid, from which the Transformer's input is made."""

from functools import partial

import jax.numpy as jnp
import numpy as np
from einops import rearrange
from jaxtyping import Int

OUTSIDE = -1
at_places = partial(jnp.take, axis=0, mode="clip")
"""Values at indices along the first axis. An index beyond the values reads the last one, which callers then ignore."""


def causal_neighbours(grid: tuple[int, int, int], *, frames: int = 2, radius: int = 1) -> Int[np.ndarray, "n s"]:
    """Returns, for each token, the indices of earlier tokens next to it in space and time.

    Column 0 is the token just before, and column 1 the token at the same place one frame earlier. The others are the
    earlier tokens in a window of side ``2 * radius + 1`` around the token, and in the same window of each of ``frames``
    earlier frames.

    Args:
        grid: Latent frames, rows and columns.
        frames: Number of earlier latent frames.
        radius: Half the side of the window, in tokens.

    Returns:
        Indices in raster order (t, h, w), each smaller than its row's, or OUTSIDE.
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
