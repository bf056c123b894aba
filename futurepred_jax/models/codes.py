"""Which code is nearest to a latent, and the latents of each code summed, in the form that is fast where it runs."""

from functools import partial

import jax
import jax.numpy as jnp
from einops import rearrange
from jax import lax
from jaxtyping import Array, Float, Int

BLOCK = 128  # latents at once on CPU: their products with all codes stay in its cache


def nearest(latents: Float[Array, "n g d"], codes: Float[Array, "g v d"]) -> Int[Array, "n g"]:
    """The code of each digit that has the largest product with a latent, the first of equals; all are unit vectors."""
    return lax.platform_dependent(latents, codes, cpu=nearest_in_blocks, default=nearest_at_once)


def sums(
    latents: Float[Array, "n g d"], tokens: Int[Array, "n g"], size: int
) -> tuple[Float[Array, "g v d"], Float[Array, "g v"]]:
    """The latents of each of ``size`` codes of a digit summed, and their number."""
    counted = jnp.pad(latents, ((0, 0), (0, 0), (0, 1)), constant_values=1)
    forms = {"cpu": partial(scattered_sums, size=size), "default": partial(multiplied_sums, size=size)}
    found = lax.platform_dependent(counted, tokens, **forms)
    return found[..., :-1], found[..., -1]


def nearest_at_once(latents: Float[Array, "n g d"], codes: Float[Array, "g v d"]) -> Int[Array, "n g"]:
    """See ``nearest``."""
    return jnp.argmax(jnp.einsum("n g d, g v d -> n g v", latents, codes), axis=-1).astype(jnp.int32)


def nearest_in_blocks(latents: Float[Array, "n g d"], codes: Float[Array, "g v d"]) -> Int[Array, "n g"]:
    """The same, a block of latents after another: XLA finds a place slowly on CPU, and a largest value fast."""
    count, size = latents.shape[0], codes.shape[1]
    blocks = -(-count // BLOCK)
    padded = jnp.pad(latents, ((0, blocks * BLOCK - count), (0, 0), (0, 0)))

    def search(block: Float[Array, "BLOCK g d"]) -> Int[Array, "BLOCK g"]:
        products = jnp.einsum("g v d, n g d -> g v n", codes, block)
        largest = products >= jnp.max(products, axis=1, keepdims=True)
        place = jnp.arange(size, dtype=jnp.int32)[:, None]
        return jnp.min(jnp.where(largest, place, size - 1), axis=1).T

    found = lax.map(search, rearrange(padded, "(k n) g d -> k n g d", k=blocks))
    return rearrange(found, "k n g -> (k n) g")[:count]


def multiplied_sums(values: Float[Array, "n g d"], tokens: Int[Array, "n g"], *, size: int) -> Float[Array, "g v d"]:
    """Sums by code as a product."""
    members = jax.nn.one_hot(tokens, size, dtype=values.dtype)
    return jnp.einsum("n g v, n g d -> g v d", members, values)


def scattered_sums(values: Float[Array, "n g d"], tokens: Int[Array, "n g"], *, size: int) -> Float[Array, "g v d"]:
    """Sums by code, each value added where it belongs: on CPU much faster, elsewhere slow or in no fixed order."""
    groups, channels = values.shape[1:]
    return jnp.zeros((groups, size, channels), values.dtype).at[jnp.arange(groups), tokens].add(values)
