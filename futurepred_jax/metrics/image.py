"""Image scores of predicted frames in [0, 1]: MSE, MAE, PSNR, SSIM and errors over a mask, one value per frame.

The PSNR of a clip is that of its mean squared error, the PSNR of a split the mean over its clips. An error of zero
counts as CAP dB.
"""

import math
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from einops import reduce
from jaxtyping import Array, Bool, Float

CAP = 100.0  # dB; PSNR of a perfect picture, so that means stay finite
DILATION = 2  # px around the true masks that still count as foreground
K1, K2 = 0.01, 0.03  # SSIM's stabilisers, as shares of the data range; Wang et al. 2004, §III.B

Unit = Float[Array, "b t h w c"]
"""Frames in [0, 1], channels last."""


class Window(NamedTuple):
    """The window of SSIM.

    Attributes:
        weights: Weights along each axis, which sum to 1.
        data_range: Range of pixel values that the stabilising constants assume.
        sample: Whether variances are sample variances (divided by n - 1) instead of population variances.
    """

    weights: tuple[float, ...]
    data_range: float = 1.0
    sample: bool = False

    @property
    def unbiased(self) -> float:
        """Factor by which population variances and covariances are multiplied."""
        pixels = len(self.weights) ** 2
        return pixels / (pixels - 1) if self.sample else 1.0


def _gaussian(radius: int, sigma: float) -> tuple[float, ...]:
    weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    return tuple((weights / weights.sum()).tolist())


GAUSSIAN = Window(_gaussian(radius=5, sigma=1.5))
"""11 x 11 pixels; Wang et al. 2004, §III.B."""


class ImageScores(NamedTuple):
    """One value per frame: means over its pixels and channels, and ``size``, the number of pixels times channels."""

    mse: Float[Array, "b t"]
    mae: Float[Array, "b t"]
    ssim: Float[Array, "b t"]
    size: Float[Array, "b t"]


class Masked(NamedTuple):
    """Sums over the masked pixels of each frame: ``total / count`` is the mean; both are 0 where the mask is empty."""

    total: Float[Array, "b t"]
    count: Float[Array, "b t"]


@jax.jit
def image_scores(prediction: Unit, truth: Unit) -> ImageScores:
    """Computes MSE, MAE and SSIM of every frame over all of its pixels."""
    difference = prediction - truth
    return ImageScores(
        mse=reduce(difference**2, "b t h w c -> b t", "mean"),
        mae=reduce(jnp.abs(difference), "b t h w c -> b t", "mean"),
        ssim=ssim(prediction, truth),
        size=jnp.full(truth.shape[:2], math.prod(truth.shape[2:]), jnp.float32),
    )


@partial(jax.jit, static_argnames="window")
def ssim(prediction: Unit, truth: Unit, window: Window = GAUSSIAN) -> Float[Array, "b t"]:
    """Computes the structural similarity of every frame, averaged over channels.

    Only windows that lie inside the frame count. With the default window the result equals scikit-image's
    ``structural_similarity`` with ``gaussian_weights=True, use_sample_covariance=False, data_range=1``.

    Raises:
        ValueError: If a frame is smaller than the window.
    """
    return reduce(_similarity(prediction, truth, window), "b t i j c -> b t", "mean")


@jax.jit
def masked_ssim(prediction: Unit, truth: Unit, mask: Bool[Array, "b t h w"]) -> Masked:
    """Sums the structural similarity over the windows that lie in ``mask`` with all of their pixels.

    Raises:
        ValueError: If a frame is smaller than the window.
    """
    similarity, side = _similarity(prediction, truth, GAUSSIAN), len(GAUSSIAN.weights)
    inside = jax.lax.reduce_window(mask, True, jax.lax.bitwise_and, (1, 1, side, side), (1, 1, 1, 1), "VALID")
    return _masked_sums(similarity, inside)


def _similarity(prediction: Unit, truth: Unit, window: Window) -> Float[Array, "b t i j c"]:
    """Computes SSIM of every window inside the frame (Wang et al. 2004, eq. 13)."""
    height, width = truth.shape[2:4]
    if min(height, width) < len(window.weights):
        raise ValueError(
            f"frame of {height} x {width}: SSIM's window needs {len(window.weights)} pixels a side; enlarge it"
        )
    c1, c2 = ((k * window.data_range) ** 2 for k in (K1, K2))
    level_x, level_y = _level(prediction), _level(truth)
    x, y = prediction - level_x, truth - level_y  # in float32, moments about zero would drown a flat region's variance
    blur_x, blur_y = _blur(x, window), _blur(y, window)
    variances = window.unbiased * (_blur(x**2, window) + _blur(y**2, window) - blur_x**2 - blur_y**2)
    covariance = window.unbiased * (_blur(x * y, window) - blur_x * blur_y)
    mean_x, mean_y = blur_x + level_x, blur_y + level_y
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    return luminance * (2 * covariance + c2) / (variances + c2)


def _level(frames: Unit) -> Float[Array, "b t 1 1 c"]:
    return jnp.mean(frames, axis=(2, 3), keepdims=True)


def _blur(frames: Unit, window: Window) -> Float[Array, "b t i j c"]:
    """Computes the weighted mean of every window inside the frame, by one product with a banded matrix per axis."""
    rows, columns = (_band(size, window.weights) for size in frames.shape[2:4])
    across = jnp.einsum("bthwc,wj->bthjc", frames, columns, precision="highest")
    return jnp.einsum("bthjc,hi->btijc", across, rows, precision="highest")


def _band(size: int, weights: tuple[float, ...]) -> Float[np.ndarray, "size fits"]:
    """Column i holds the weights of the window that begins at pixel i."""
    last = len(weights) - 1
    offset = np.arange(size)[:, None] - np.arange(size - last)[None, :]
    inside = (offset >= 0) & (offset <= last)
    return np.where(inside, np.array(weights)[np.clip(offset, 0, last)], 0).astype(np.float32)


@jax.jit
def masked_error(prediction: Unit, truth: Unit, mask: Bool[Array, "b t h w"]) -> Masked:
    """Sums the squared error of every frame over the pixels of ``mask``, so that frames and clips can be pooled."""
    return _masked_sums((prediction - truth) ** 2, mask)


def _masked_sums(values: Float[Array, "b t i j c"], mask: Bool[Array, "b t i j"]) -> Masked:
    count = reduce(mask.astype(jnp.float32), "b t i j -> b t", "sum") * values.shape[-1]
    return Masked(total=reduce(jnp.where(mask[..., None], values, 0), "b t i j c -> b t", "sum"), count=count)


@jax.jit
def dilate(mask: Bool[Array, "b t h w"]) -> Bool[Array, "b t h w"]:
    """Dilates a mask by DILATION pixels along rows, columns and diagonals."""
    side = 2 * DILATION + 1
    return jax.lax.reduce_window(mask, False, jax.lax.bitwise_or, (1, 1, side, side), (1, 1, 1, 1), "SAME")


def psnr(mse: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
    """Converts a mean squared error of frames in [0, 1] to a peak signal-to-noise ratio in dB, at most CAP."""
    return -10 * np.log10(np.maximum(mse, 10 ** (-CAP / 10)))


def require_unit_range(name: str, frames: Float[Array | np.ndarray, "*shape"]) -> None:
    """Checks that pixels lie in [0, 1], which all scores assume. It cannot be called inside ``jax.jit``.

    Args:
        name: What the frames are, for the message.
        frames: The frames.

    Raises:
        ValueError: If a value is below 0, above 1 or not a number.
    """
    if not ((frames >= 0) & (frames <= 1)).all():  # false for NaN, which min and max on CPU ignore
        low, high = float(frames.min()), float(frames.max())
        raise ValueError(f"{name} holds values in [{low:.4g}, {high:.4g}]: metrics take [0, 1]; rescale or clip it")
