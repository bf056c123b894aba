"""Conversions between the ranges of pixel values: bytes in [0, 255], floats in [0, 1] and floats in [-1, 1].

Frames at rest are bytes, models read and write [-1, 1], metrics and users see [0, 1].
"""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Num, UInt8

from futurepred_jax.arrays import Frames, Video


def to_signed(frames: Frames) -> Video:
    """Converts bytes in [0, 255] to floats in [-1, 1].

    Raises:
        ValueError: If ``frames`` are not uint8, since the range of floats would be unknown.
    """
    if frames.dtype != jnp.uint8:
        raise ValueError(f"frames of {frames.dtype}: bytes in [0, 255] are wanted, since a float's range is not known")
    return frames.astype(jnp.float32) / 127.5 - 1.0


def to_unit(frames: Num[Array | np.ndarray, "*shape"]) -> Any:
    """Converts bytes in [0, 255], or floats in [-1, 1], to floats in [0, 1], as a JAX or NumPy array like the input."""
    if frames.dtype == np.uint8:
        return frames.astype(np.float32) / 255
    return (frames + 1) / 2


def to_uint8(frames: Float[Array | np.ndarray, "*shape"]) -> UInt8[np.ndarray, "*shape"]:
    """Rounds floats in [0, 1] to bytes in [0, 255]; values out of range are clipped."""
    return np.clip(np.round(np.asarray(frames) * 255), 0, 255).astype(np.uint8)
