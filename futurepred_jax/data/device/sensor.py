"""Sensor noise of a frame: the words of ``noise``, from the same counters."""

from collections.abc import Mapping

import jax.numpy as jnp
from jax.extend.random import threefry2x32_p
from jaxtyping import Array, Int, UInt8

from futurepred_jax.data import counter_random
from futurepred_jax.data.noise import GAUSSIAN, NOISE_STEPS


def spoil(video: UInt8[Array, "h w 3"], frame: Mapping[str, Array], number: Int[Array, ""]) -> UInt8[Array, "h w 3"]:
    """A frame as a sensor would give it.

    Args:
        video: free of noise.
        frame: its ``gain``, ``lost`` rows, ``sigma``, ``salt`` and ``key``.
        number: of the frame in its clip.
    """
    height, width, _ = video.shape
    place = (number * height * width + jnp.arange(height * width)).astype(jnp.uint32).reshape(height, width)
    stream = jnp.full_like(place, counter_random.stream_id("pixel"))
    one, two = threefry2x32_p.bind(*(jnp.full_like(place, word) for word in frame["key"]), place, stream)
    words = jnp.stack([one & 0xFFFF, one >> 16, two & 0xFFFF], axis=-1)
    level = video * frame["gain"] + 255 * frame["sigma"] * jnp.asarray(GAUSSIAN)[words] + 0.5
    grain = (two >> 16)[..., None]
    grained = jnp.where(grain < frame["salt"] * NOISE_STEPS, 255.0 * (grain & 1), jnp.clip(level, 0, 255))
    return jnp.where(frame["lost"][:, None, None], 0.0, grained).astype(jnp.uint8)
