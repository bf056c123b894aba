"""Counter-based random numbers: every draw is a pure function of (key, element, stream), whatever was drawn before.

A key belongs to a clip, an element is an object slot, a frame or a pixel, and a stream is the name of a factor
("speed", "hue"). A new factor is a new name, so it shifts no draw that was there before.
"""

import functools
import hashlib
from collections.abc import Mapping
from typing import NamedTuple, no_type_check

import numpy as np
from jaxtyping import Float, Int, Integer, UInt32
from numba import njit

Key = UInt32[np.ndarray, "#*n 2"]  # one for all elements, or for each

ROTATIONS = (13, 15, 26, 6, 17, 29, 16, 24)  # Salmon et al. 2011, table 2 (Threefry-2x32)
PARITY = 0x1BD11BDA  # the same, §3.3
ROUNDS = 20
BLOCKS = 256  # counters a stream may use for one element; each gives two words

_compiled = njit(cache=True, nogil=True)


def threefry2x32(
    key: UInt32[np.ndarray, "#*n 2"],
    counter: UInt32[np.ndarray, "*n 2"],
) -> UInt32[np.ndarray, "*n 2"]:
    """Threefry-2x32 with 20 rounds (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3")."""
    keys, counters = (np.broadcast_to(each, counter.shape).reshape(-1, 2) for each in (key, counter))
    return _threefry2x32(keys, counters).reshape(counter.shape)


@_compiled
@no_type_check
def block(first: np.uint32, second: np.uint32, left: np.uint32, right: np.uint32) -> tuple[np.uint32, np.uint32]:
    """``threefry2x32`` of the key (first, second) and one counter (left, right)."""
    keys = (first, second, np.uint32(first ^ second ^ np.uint32(PARITY)))
    left, right = np.uint32(left + first), np.uint32(right + second)
    for step in range(ROUNDS // 4):
        for i in range(4):
            turn = np.uint32(ROTATIONS[4 * (step % 2) + i])
            left = np.uint32(left + right)
            right = np.uint32(np.uint32(np.uint32(right << turn) | (right >> np.uint32(np.uint32(32) - turn))) ^ left)
        left = np.uint32(left + keys[(step + 1) % 3])
        right = np.uint32(right + keys[(step + 2) % 3] + np.uint32(step + 1))
    return left, right


@_compiled
@no_type_check
def _threefry2x32(keys, counters):
    words = np.empty(counters.shape, np.uint32)
    for i in range(len(counters)):
        words[i, 0], words[i, 1] = block(keys[i, 0], keys[i, 1], counters[i, 0], counters[i, 1])
    return words


def name_hash(*names: str) -> int:
    """Hash strings to 32 bits, the same on every machine and in every run."""
    return int.from_bytes(hashlib.blake2b("\0".join(names).encode(), digest_size=4).digest(), "little")


@functools.cache
def stream_id(name: str) -> int:
    """Number of a named stream: the second counter word, whose low eight bits are left to count blocks."""
    return name_hash("stream", name) & ~(BLOCKS - 1)


def bits(key: Key, element: Integer[np.ndarray, "*n"], stream: str, size: int) -> UInt32[np.ndarray, "*n {size}"]:
    """Draw ``size`` words for each element of a stream."""
    return bits_of(key, element, {stream: size})[stream]


def bits_of(
    key: Key, element: Integer[np.ndarray, "*n"], sizes: Mapping[str, int]
) -> dict[str, UInt32[np.ndarray, "*n _"]]:
    """Draw words for several streams at once, which costs about what one stream costs.

    Args:
        key: two words, as ``ClutterSpec.key`` gives them.
        element: numbers in [0, 2³²).
        sizes: words an element, by stream.

    Raises:
        ValueError: a stream asks for more than 512 words an element; use more elements instead.
    """
    words, layout = _draw(key, element, sizes)
    return {name: words[..., part] for name, part in layout.parts.items()}


def uniform_of(
    key: Key, element: Integer[np.ndarray, "*n"], sizes: Mapping[str, int]
) -> dict[str, Float[np.ndarray, "*n _"]]:
    """Draw from the uniform distribution on (0, 1) for several streams at once; as ``bits_of``."""
    words, layout = _draw(key, element, sizes)
    numbers = unit(words)
    return {name: numbers[..., part] for name, part in layout.parts.items()}


def unit(words: UInt32[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
    """Turn words to numbers in the open interval (0, 1)."""
    return (words + 0.5) * 2.0**-32


def uniform(
    key: Key, element: Integer[np.ndarray, "*n"], stream: str, size: int = 1, low: float = 0.0, high: float = 1.0
) -> Float[np.ndarray, "*n {size}"]:
    """Draw from the uniform distribution on (low, high), ``size`` numbers an element."""
    return low + (high - low) * unit(bits(key, element, stream, size))


def normal(key: Key, element: Integer[np.ndarray, "*n"], stream: str, size: int = 1) -> Float[np.ndarray, "*n {size}"]:
    """Draw from the standard normal distribution, by Box and Muller's method: two words make two numbers."""
    words = unit(bits(key, element, stream, size + size % 2))
    radius, angle = np.sqrt(-2 * np.log(words[..., 0::2])), 2 * np.pi * words[..., 1::2]
    pair = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1)
    return pair.reshape(words.shape)[..., :size]


def integers(
    key: Key, element: Integer[np.ndarray, "*n"], stream: str, size: int = 1, *, low: int, high: int
) -> Int[np.ndarray, "*n {size}"]:
    """Draw whole numbers, uniform on low … high, both included.

    Raises:
        ValueError: ``high`` is below ``low``.
    """
    if high < low:
        raise ValueError(f"integers from {low} to {high}: the second must not be smaller")
    return low + pick(unit(bits(key, element, stream, size)), high - low + 1)


def permutation(key: Key, count: int) -> Int[np.ndarray, "{count}"]:
    """Put 0 … count − 1 in random order."""
    return np.argsort(bits(key, np.arange(count), "order", 1)[:, 0], kind="stable")


def pick(numbers: Float[np.ndarray, "*n"], count: int | Int[np.ndarray, "*n"]) -> Int[np.ndarray, "*n"]:
    """Turn numbers in (0, 1) to indices 0 … count − 1."""
    return np.minimum((numbers * count).astype(np.int64), count - 1)


class _Layout(NamedTuple):
    """Second counter words of several streams, and where each stream's words come to lie."""

    second: UInt32[np.ndarray, "m"]
    parts: dict[str, slice]


def _draw(key: Key, element: Integer[np.ndarray, "*n"], sizes: Mapping[str, int]) -> tuple[np.ndarray, _Layout]:
    layout = _layout(tuple(sizes.items()))
    counter = np.empty((*element.shape, len(layout.second), 2), np.uint32)
    counter[..., 0] = element[..., None]
    counter[..., 1] = layout.second
    return threefry2x32(key[..., None, :], counter).reshape(*element.shape, 2 * len(layout.second)), layout


@functools.cache
def _layout(sizes: tuple[tuple[str, int], ...]) -> _Layout:
    second, parts = [], {}
    for stream, size in sizes:
        if not 0 < size <= 2 * BLOCKS:
            raise ValueError(f"stream {stream!r}: {size} words an element, allowed are 1 to {2 * BLOCKS}")
        parts[stream] = slice(2 * len(second), 2 * len(second) + size)
        second += [stream_id(stream) + block for block in range(-(-size // 2))]
    return _Layout(np.array(second, np.uint32), parts)
