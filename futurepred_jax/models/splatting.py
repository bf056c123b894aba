"""Forward warping of pixels, where pixels that arrive at the same place are averaged by their weights.

Source: softmax splatting (Niklaus & Liu, 2020, arXiv:2003.05534).
"""

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int

LIGHTEST, HEAVIEST = -8.0, 6.0  # bounds of the logarithms of weights; the background has 0


def splat(
    colours: Float[Array, "h w c"],
    moves: Float[Array, "t h w 2"],
    weights: Float[Array, "t h w"],
    background: Float[Array, "h w c"],
) -> Float[Array, "t h w c"]:
    """Warps the pixels of one frame into several frames, in front of a background.

    A pixel is spread over the four places around its target by bilinear weights; pixels that leave the frame are lost.
    The result is differentiable in all arguments. Sums are scatters on CPU and matrix products elsewhere, because
    accelerators scatter slowly or in no fixed order.

    Args:
        colours: Channels of the pixels of the frame.
        moves: Displacement (x, y) of each pixel in each new frame, in pixels.
        weights: Logarithm of the weight of each pixel in each new frame; the background has the weight 1 everywhere.
        background: Channels of the background.

    Returns:
        The new frames.
    """
    shape = colours.shape[:2]
    rows, columns = jnp.indices(shape)
    places = jnp.stack([columns, rows], axis=-1) + moves
    share = jnp.exp(jnp.clip(weights, LIGHTEST, HEAVIEST))[..., None]
    carried = jnp.concatenate([colours * share, share], axis=-1)
    summed = lax.platform_dependent(places, carried, cpu=scattered, default=multiplied)
    return (summed[..., :-1] + background) / (summed[..., -1:] + 1)


def scattered(places: Float[Array, "t h w 2"], values: Float[Array, "t h w c"]) -> Float[Array, "t h w c"]:
    """Sums the values that arrive at each pixel as a scatter over four places for each value."""
    return jax.vmap(_scattered)(places, values)


def multiplied(places: Float[Array, "t h w 2"], values: Float[Array, "t h w c"]) -> Float[Array, "t h w c"]:
    """Sums the values that arrive at each pixel as a matrix product, frame by frame to bound the memory."""
    return lax.map(jax.checkpoint(lambda picture: _multiplied(*picture)), (places, values))


def _multiplied(places: Float[Array, "h w 2"], values: Float[Array, "h w c"]) -> Float[Array, "h w c"]:
    h, w, channels = values.shape
    x, y = jnp.moveaxis(places.reshape(h * w, 2), -1, 0)
    rows, columns = (_tents(along, size) for along, size in ((y, h), (x, w)))
    spread = columns[:, :, None] * values.reshape(h * w, 1, channels)
    return jnp.einsum("p y, p x c -> y x c", rows, spread, precision=lax.Precision.HIGHEST)


def _tents(places: Float[Array, "p"], size: int) -> Float[Array, "p size"]:
    """Returns the linear interpolation weights of ``size`` pixels for places along one axis."""
    return jnp.maximum(0.0, 1.0 - jnp.abs(places[:, None] - jnp.arange(size)))


def _scattered(places: Float[Array, "h w 2"], values: Float[Array, "h w c"]) -> Float[Array, "h w c"]:
    """Scatters into a frame with a margin, which takes the pixels that leave the frame."""
    h, w, channels = values.shape
    places = jnp.clip(places, -1.0, jnp.array([w, h], places.dtype))
    corner = jnp.floor(places)
    right, down = jnp.moveaxis(places - corner, -1, 0)[..., None]
    column, row = jnp.moveaxis(corner.astype(jnp.int32) + 1, -1, 0)
    width = w + 3  # a column before the frame and two after it
    to: list[Int[Array, "h w"]] = [(row + i) * width + column + j for i in (0, 1) for j in (0, 1)]
    what = [values * vertical * side for vertical in (1 - down, down) for side in (1 - right, right)]
    flat = jnp.zeros(((h + 3) * width, channels), values.dtype)
    summed = flat.at[jnp.stack(to)].add(jnp.stack(what), mode="drop")
    return summed.reshape(h + 3, width, channels)[1 : h + 1, 1 : w + 1]
