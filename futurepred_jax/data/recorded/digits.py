"""Two digits that bounce about a square: a stand-in for Moving MNIST, made of scikit-learn's handwritten digits.

As in Moving MNIST (Srivastava et al. 2015, arXiv:1502.04681, §4.1): grey frames of 64 x 64, digits of 28 pixels a side
that move 3.6 px a frame in any direction and bounce off the border, the brighter pixel showing where two overlap. The
digits are not MNIST's but 1,797 others of 8 x 8 pixels (Alpaydin & Kaynak 1998), enlarged: nothing that is scored on
them can be held against what is published of Moving MNIST.
"""

import functools
import importlib.util

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from futurepred_jax.data.recorded.recording import Cut, Frames, Recording, fitted

NAME = "scikit-learn's digits, a stand-in for Moving MNIST"
VERSION = "1"  # changes whenever other videos would be drawn
SIDE, DIGIT = 64, 28  # pixels
STEP = 3.6  # px a frame
LENGTH = 60  # frames of a video: three times Moving MNIST's

Pair = UInt8[np.ndarray, "2 28 28"]


def recordings(place: str) -> list[Recording]:
    """898 videos of two digits each. No digit is in two of them, hence none in two splits.

    Raises:
        ValueError: a place is given, or scikit-learn is not installed.
    """
    if place:
        raise ValueError(f"config.data.source 'digits:{place}': digits are drawn and have no place; say digits")
    if importlib.util.find_spec("sklearn") is None:
        raise ValueError("the digits are scikit-learn's: pip install 'futurepred-jax[digits]'")
    return films(_handwritten())


def films(digits: UInt8[np.ndarray, "n 28 28"]) -> list[Recording]:
    """A recording for each two digits; of an odd number one is left over."""
    shuffled = np.random.default_rng(0).permutation(digits)
    pairs = shuffled[: len(digits) // 2 * 2].reshape(-1, 2, DIGIT, DIGIT)
    return [Recording(f"digits-{n}", VERSION, functools.partial(_read, n, pair)) for n, pair in enumerate(pairs)]


def draw(number: int, digits: Pair) -> UInt8[np.ndarray, "t 64 64 1"]:
    """The video of that number."""
    rng, span = np.random.default_rng(number), SIDE - DIGIT
    start, angle = rng.uniform(0, 2 * span, (2, 2)), rng.uniform(0, 2 * np.pi, (2, 1))
    path = start + np.arange(LENGTH)[:, None, None] * STEP * np.concatenate([np.sin(angle), np.cos(angle)], axis=1)
    places = (span - np.abs(path % (2 * span) - span)).astype(int)  # folded at both borders
    video = np.zeros((LENGTH, SIDE, SIDE), np.uint8)
    for frame, corners in zip(video, places, strict=True):
        for digit, (top, left) in zip(digits, corners, strict=True):
            shown = frame[top : top + DIGIT, left : left + DIGIT]
            np.maximum(shown, digit, out=shown)
    return video[..., None]


def _read(number: int, digits: Pair, cut: Cut) -> Frames:
    return fitted(draw(number, digits), cut)


def _handwritten() -> UInt8[np.ndarray, "n 28 28"]:
    from sklearn.datasets import load_digits  # pyright: ignore[reportMissingImports]  # an extra

    small = np.round(load_digits(return_X_y=True)[0].reshape(-1, 8, 8) * (255 / 16)).astype(np.uint8)
    resize = Image.Resampling.BICUBIC
    return np.stack([np.asarray(Image.fromarray(one).resize((DIGIT, DIGIT), resize)) for one in small])
