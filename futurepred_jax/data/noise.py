"""Sensor noise, added to clean frames when they are loaded: the same key and index give the same bits.

One Threefry block, 64 bits, serves one pixel: three Gaussian numbers and one number for salt, 16 bits each.
"""

import dataclasses
from typing import NamedTuple, no_type_check

import numpy as np
from jaxtyping import Bool, Float, UInt8, UInt32
from numba import njit
from scipy.special import ndtri

from futurepred_jax.data import counter_random
from futurepred_jax.data.scene import Noise

NOISE_STEPS = 1 << 16  # of a 16-bit number
GAUSSIAN = ndtri((np.arange(NOISE_STEPS) + 0.5) / NOISE_STEPS).astype(
    np.float32
)  # standard normal quantiles, up to ± 4.3

_compiled = njit(cache=True, nogil=True)


def add_noise(
    video: UInt8[np.ndarray, "*b t h w 3"], noise: Noise, key: UInt32[np.ndarray, "*b 2"]
) -> UInt8[np.ndarray, "*b t h w 3"]:
    """Frames as a sensor would give them, of one clip or of several.

    In this order: each frame's gain flickers, every value gets Gaussian noise and is rounded to the nearest level (a
    cut towards zero would swallow noise below one level), pixels turn black or white, rows drop out.

    Args:
        video: clean frames; left as they are.
        noise: how much, in units of the [0, 1] range; of several clips, arrays [*b].
        key: the clip's, as ``ClutterSpec.key`` gives it.

    Raises:
        ValueError: a strength is negative, or a share above 1.
    """
    if np.min(dataclasses.astuple(noise)) < 0 or max(np.max(noise.salt), np.max(noise.dropped)) > 1:
        raise ValueError(f"{noise}: strengths must not be negative, nor the shares salt and dropped above 1")
    gain, lost = whole_frames(noise, key, *video.shape[-4:-2])
    noisy = np.empty_like(video)
    _spoil(
        video.reshape(-1, *video.shape[-4:]),
        gain.reshape(-1, gain.shape[-1]),
        lost.reshape(-1, *lost.shape[-2:]),
        key.reshape(-1, 2),
        np.float32(255 * np.ravel(noise.sigma)),
        np.ravel(noise.salt) * NOISE_STEPS,
        np.uint32(counter_random.stream_id("pixel")),
        noisy.reshape(-1, *video.shape[-4:]),
    )
    return noisy


class WholeFrames(NamedTuple):
    """What of a clip's noise, or of several clips', strikes whole frames and rows."""

    gain: Float[np.ndarray, "*b t"]  # float32, of a frame
    lost: Bool[np.ndarray, "*b t h"]  # rows that drop out


def whole_frames(noise: Noise, key: UInt32[np.ndarray, "*b 2"], frames: int, rows: int) -> WholeFrames:
    """Draw the gain of each frame and the rows that it loses."""
    clips, keys = key.shape[:-1], key[..., None, :]
    flicker, dropped = (np.asarray(strength)[..., None] for strength in (noise.flicker, noise.dropped))
    frame, row = (np.broadcast_to(np.arange(count), (*clips, count)) for count in (frames, frames * rows))
    gain = 1 + flicker * counter_random.normal(keys, frame, "flicker")[..., 0]
    lost = counter_random.uniform(keys, row, "dropped")[..., 0] < dropped
    return WholeFrames(gain.astype(np.float32), lost.reshape(*clips, frames, rows))


@_compiled
@no_type_check
def _blocks(key, start, stream, left, right):
    """``counter_random.block`` of a row of counters; alone in a loop of its own it takes several at once."""
    for x in range(left.size):
        left[x], right[x] = counter_random.block(key[0], key[1], np.uint32(start + np.uint32(x)), stream)


@_compiled
@no_type_check
def _spoil(video, gain, lost, key, sigma, salt, stream, noisy):
    clips, frames, height, width, _ = video.shape
    left, right = np.empty(width, np.uint32), np.empty(width, np.uint32)
    for clip in range(clips):
        for t in range(frames):
            for y in range(height):
                if lost[clip, t, y]:
                    noisy[clip, t, y] = 0
                    continue
                _blocks(key[clip], np.uint32((t * height + y) * width), stream, left, right)
                for x in range(width):
                    one, two = left[x], right[x]
                    grain = two >> np.uint32(16)
                    if grain < salt[clip]:
                        noisy[clip, t, y, x] = 255 * (grain & 1)
                        continue
                    words = (one & np.uint32(0xFFFF), one >> np.uint32(16), two & np.uint32(0xFFFF))
                    for channel in range(3):
                        level = video[clip, t, y, x, channel] * gain[clip, t]
                        level += sigma[clip] * GAUSSIAN[words[channel]] + np.float32(0.5)
                        noisy[clip, t, y, x, channel] = np.uint8(min(max(level, np.float32(0)), np.float32(255)))
