"""Carrying pixels to where they are expected: several that come to one place share it by their weights.

Source: softmax splatting (Niklaus & Liu, 2020, arXiv:2003.05534).
"""

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int

LIGHTEST, HEAVIEST = -8.0, 6.0  # logarithms of weights are kept between these; a background has 0


def carry(
    colours: Float[Array, "h w c"],
    moves: Float[Array, "t h w 2"],
    weights: Float[Array, "t h w"],
    background: Float[Array, "h w c"],
) -> Float[Array, "t h w c"]:
    """Pictures of the pixels of one frame after their moves, before a background.

    A pixel is spread over the four places around it by bilinear weights, and what leaves the frame is gone. It is
    differentiable in all arguments. Sums are scattered on CPU, and products of matrices elsewhere: accelerators are
    slow at scattering, or add in no fixed order.

    Args:
        colours: of the pixels, or whatever they carry.
        moves: how far each has come in each picture, (x, y) in pixels.
        weights: logarithms; the background has the weight 1 everywhere.
        background: what shows where nothing comes.
    """
    shape = colours.shape[:2]
    rows, columns = jnp.indices(shape)
    places = jnp.stack([columns, rows], axis=-1) + moves
    share = jnp.exp(jnp.clip(weights, LIGHTEST, HEAVIEST))[..., None]
    carried = jnp.concatenate([colours * share, share], axis=-1)
    summed = lax.platform_dependent(places, carried, cpu=scattered, default=multiplied)
    return (summed[..., :-1] + background) / (summed[..., -1:] + 1)


def scattered(places: Float[Array, "t h w 2"], values: Float[Array, "t h w c"]) -> Float[Array, "t h w c"]:
    """Sums of the values that come to each pixel, four places for each."""
    return jax.vmap(_scattered)(places, values)


def multiplied(places: Float[Array, "t h w 2"], values: Float[Array, "t h w c"]) -> Float[Array, "t h w c"]:
    """The same as a product over all pixels, one picture at a time, which bounds the memory."""
    return lax.map(jax.checkpoint(lambda picture: _multiplied(*picture)), (places, values))


def _multiplied(places: Float[Array, "h w 2"], values: Float[Array, "h w c"]) -> Float[Array, "h w c"]:
    h, w, channels = values.shape
    x, y = jnp.moveaxis(places.reshape(h * w, 2), -1, 0)
    rows, columns = (_tents(along, size) for along, size in ((y, h), (x, w)))
    spread = columns[:, :, None] * values.reshape(h * w, 1, channels)
    return jnp.einsum("p y, p x c -> y x c", rows, spread, precision=lax.Precision.HIGHEST)


def _tents(places: Float[Array, "p"], size: int) -> Float[Array, "p size"]:
    """The linear weights of each of ``size`` pixels for what is at a place between two."""
    return jnp.maximum(0.0, 1.0 - jnp.abs(places[:, None] - jnp.arange(size)))


def _scattered(places: Float[Array, "h w 2"], values: Float[Array, "h w c"]) -> Float[Array, "h w c"]:
    """A margin around the frame takes what leaves it."""
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
