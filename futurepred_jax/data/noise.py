"""Sensor noise, added to clean frames when they are loaded: the same key and index give the same bits.

One Threefry block, 64 bits, serves one pixel: three Gaussian numbers and one number for salt, 16 bits each.
"""

from typing import NamedTuple, no_type_check

import numpy as np
from jaxtyping import Bool, Float, UInt8, UInt32
from numba import njit
from scipy.special import ndtri

from futurepred_jax.data import random
from futurepred_jax.data.scene import Noise

LEVELS = 1 << 16  # of a 16-bit number
GAUSSIAN = ndtri((np.arange(LEVELS) + 0.5) / LEVELS).astype(np.float32)  # standard normal quantiles, up to ± 4.3

_compiled = njit(cache=True, nogil=True)


def add_noise(
    video: UInt8[np.ndarray, "t h w 3"], noise: Noise, key: UInt32[np.ndarray, "2"]
) -> UInt8[np.ndarray, "t h w 3"]:
    """Frames as a sensor would give them.

    In this order: each frame's gain flickers, every value gets Gaussian noise and is rounded to the nearest level (a
    cut towards zero would swallow noise below one level), pixels turn black or white, rows drop out.

    Args:
        video: clean frames; left as they are.
        noise: how much, in units of the [0, 1] range.
        key: the clip's, as ``ClutterSpec.key`` gives it.

    Raises:
        ValueError: a strength is negative, or a share above 1.
    """
    if min(noise.sigma, noise.salt, noise.flicker, noise.dropped) < 0 or max(noise.salt, noise.dropped) > 1:
        raise ValueError(f"{noise}: strengths must not be negative, nor the shares salt and dropped above 1")
    gain, lost = whole_frames(noise, key, *video.shape[:2])
    spread = np.float32(255 * noise.sigma) * GAUSSIAN
    noisy = np.empty_like(video)
    first, second, stream = (np.uint32(word) for word in (*key, random.stream_id("pixel")))
    _spoil(
        video,
        gain,
        spread,
        noise.salt * LEVELS,
        lost,
        (first, second),
        stream,
        noisy,
    )
    return noisy


class WholeFrames(NamedTuple):
    """What of a clip's noise strikes whole frames and rows."""

    gain: Float[np.ndarray, "t"]  # float32, of a frame
    lost: Bool[np.ndarray, "t h"]  # rows that drop out


def whole_frames(noise: Noise, key: UInt32[np.ndarray, "2"], frames: int, rows: int) -> WholeFrames:
    """Draw the gain of each frame and the rows that it loses."""
    gain = 1 + noise.flicker * random.normal(key, np.arange(frames), "flicker")[:, 0]
    lost = random.uniform(key, np.arange(frames * rows), "dropped")[:, 0] < noise.dropped
    return WholeFrames(gain.astype(np.float32), lost.reshape(frames, rows))


@_compiled
@no_type_check
def _blocks(key, start, stream, left, right):
    """``random.block`` of a row of counters; alone in a loop of its own it takes several at once."""
    for x in range(left.size):
        left[x], right[x] = random.block(key[0], key[1], np.uint32(start + np.uint32(x)), stream)


@_compiled
@no_type_check
def _spoil(video, gain, spread, salt, lost, key, stream, noisy):
    frames, height, width, _ = video.shape
    left, right = np.empty(width, np.uint32), np.empty(width, np.uint32)
    for t in range(frames):
        for y in range(height):
            if lost[t, y]:
                noisy[t, y] = 0
                continue
            _blocks(key, np.uint32((t * height + y) * width), stream, left, right)
            for x in range(width):
                one, two = left[x], right[x]
                grain = two >> np.uint32(16)
                if grain < salt:
                    noisy[t, y, x] = 255 * (grain & 1)
                    continue
                words = (one & np.uint32(0xFFFF), one >> np.uint32(16), two & np.uint32(0xFFFF))
                for channel in range(3):
                    level = video[t, y, x, channel] * gain[t] + spread[words[channel]] + np.float32(0.5)
                    noisy[t, y, x, channel] = np.uint8(min(max(level, np.float32(0)), np.float32(255)))
