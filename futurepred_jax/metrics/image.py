"""Predicted against true pixels: MSE, MAE, PSNR, SSIM and errors over a mask; floats in [0, 1], one value a frame.

A clip's PSNR is that of the clip's mean squared error, a split's the mean over its clips; zero error counts as CAP dB.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from einops import reduce
from jaxtyping import Array, Bool, Float

CAP = 100.0  # dB; PSNR of a perfect picture, so that means stay finite
DILATION = 2  # px around the true masks that still count as foreground
RADIUS, SIGMA = 5, 1.5  # SSIM's Gaussian window, 11 x 11; Wang et al. 2004, §III.B
C1, C2 = 0.01**2, 0.03**2  # SSIM's stabilisers at a data range of 1; the same section

Unit = Float[Array, "b t h w c"]
"""Frames in [0, 1], channels last."""


class ImageScores(NamedTuple):
    """One value a frame, the mean over all of its pixels and channels, of which it has ``size``."""

    mse: Float[Array, "b t"]
    mae: Float[Array, "b t"]
    ssim: Float[Array, "b t"]
    size: Float[Array, "b t"]


class MaskedError(NamedTuple):
    """Sums over a frame's masked pixels and channels: ``total / count`` is the masked MSE; both are 0 off the mask."""

    total: Float[Array, "b t"]
    count: Float[Array, "b t"]


@jax.jit
def image_scores(prediction: Unit, truth: Unit) -> ImageScores:
    """Scores every frame on all of its pixels."""
    difference = prediction - truth
    return ImageScores(
        mse=reduce(difference**2, "b t h w c -> b t", "mean"),
        mae=reduce(jnp.abs(difference), "b t h w c -> b t", "mean"),
        ssim=ssim(prediction, truth),
        size=jnp.full(truth.shape[:2], math.prod(truth.shape[2:]), jnp.float32),
    )


@jax.jit
def ssim(prediction: Unit, truth: Unit) -> Float[Array, "b t"]:
    """Structural similarity of every frame, the mean over its channels.

    Only windows wholly inside the frame count, as in scikit-image's ``structural_similarity`` with
    ``gaussian_weights=True, use_sample_covariance=False, data_range=1``, which it equals.

    Raises:
        ValueError: A frame is smaller than the window.
    """
    height, width = truth.shape[2:4]
    if min(height, width) < 2 * RADIUS + 1:
        raise ValueError(f"frame of {height} x {width}: SSIM's window needs {2 * RADIUS + 1} pixels a side; enlarge it")
    level_x, level_y = _level(prediction), _level(truth)
    x, y = prediction - level_x, truth - level_y  # in float32, moments about zero would drown a flat region's variance
    blur_x, blur_y = _blur(x), _blur(y)
    variances = _blur(x**2) + _blur(y**2) - blur_x**2 - blur_y**2
    covariance = _blur(x * y) - blur_x * blur_y
    mean_x, mean_y = blur_x + level_x, blur_y + level_y
    luminance = (2 * mean_x * mean_y + C1) / (mean_x**2 + mean_y**2 + C1)
    structure = (2 * covariance + C2) / (variances + C2)
    return reduce(luminance * structure, "b t h w c -> b t", "mean")


def _level(frames: Unit) -> Float[Array, "b t 1 1 c"]:
    return jnp.mean(frames, axis=(2, 3), keepdims=True)


def _blur(frames: Unit) -> Float[Array, "b t i j c"]:
    """Gaussian mean of every window that fits: a product with a banded matrix an axis, as fast on TPU as on CPU."""
    rows, columns = _windows(frames.shape[2]), _windows(frames.shape[3])
    across = jnp.einsum("bthwc,wj->bthjc", frames, columns, precision="highest")
    return jnp.einsum("bthjc,hi->btijc", across, rows, precision="highest")


def _windows(size: int) -> Float[np.ndarray, "size fits"]:
    """Column i holds the Gaussian weights of the window that begins at pixel i."""
    weights = np.exp(-0.5 * (np.arange(-RADIUS, RADIUS + 1) / SIGMA) ** 2)
    offset = np.arange(size)[:, None] - np.arange(size - 2 * RADIUS)[None, :]
    inside = (offset >= 0) & (offset <= 2 * RADIUS)
    return np.where(inside, (weights / weights.sum())[np.clip(offset, 0, 2 * RADIUS)], 0).astype(np.float32)


@jax.jit
def masked_error(prediction: Unit, truth: Unit, mask: Bool[Array, "b t h w"]) -> MaskedError:
    """Squared error of every frame over the pixels of ``mask``, as sums, so that clips and frames can be pooled."""
    squared = jnp.where(mask[..., None], (prediction - truth) ** 2, 0)
    count = reduce(mask.astype(jnp.float32), "b t h w -> b t", "sum") * truth.shape[-1]
    return MaskedError(total=reduce(squared, "b t h w c -> b t", "sum"), count=count)


@jax.jit
def dilate(mask: Bool[Array, "b t h w"]) -> Bool[Array, "b t h w"]:
    """Adds to the mask all that is within DILATION pixels of it along rows, columns and diagonals."""
    side = 2 * DILATION + 1
    return jax.lax.reduce_window(mask, False, jax.lax.bitwise_or, (1, 1, side, side), (1, 1, 1, 1), "SAME")


def psnr(mse: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
    """Peak signal-to-noise ratio in dB of a mean squared error in [0, 1] units, at most CAP; NaN stays NaN."""
    return -10 * np.log10(np.maximum(mse, 10 ** (-CAP / 10)))


def require_unit_range(name: str, frames: Float[Array | np.ndarray, "*shape"]) -> None:
    """Refuses pictures that are not in [0, 1], for the scores assume it; call it outside jit.

    Raises:
        ValueError: A value is below 0, above 1 or not a number.
    """
    low, high = float(frames.min()), float(frames.max())
    if not (low >= 0 and high <= 1):
        raise ValueError(f"{name} holds values in [{low:.4g}, {high:.4g}]: metrics take [0, 1]; rescale or clip it")
