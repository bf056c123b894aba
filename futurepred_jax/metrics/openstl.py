"""The scores of OpenSTL (Tan et al. 2023, arXiv:2306.11249), for comparison with its published tables.

They reproduce ``openstl/core/metrics.py`` with scikit-image 0.19.3 or below, which it requires: SSIM uses uniform
windows of 7 x 7 pixels, sample variances, and assumes that floats have a range of 2. It is higher than ``image.ssim``.

OpenSTL's grey videos have one channel, those of this package three equal ones. A clip whose true channels are equal
therefore counts as one channel, and its prediction as the mean of its three channels.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from einops import reduce
from jaxtyping import Array, Bool, Float

from futurepred_jax.metrics.image import Unit, Window, psnr, ssim
from futurepred_jax.metrics.ratios import Ratio, ratio

EVEN = Window((1 / 7,) * 7, data_range=2.0, sample=True)


class OpenSTLScores(NamedTuple):
    """One value per frame: errors summed over its pixels, SSIM, and the mean squared error for its PSNR."""

    mse: Float[Array, "b t"]
    mae: Float[Array, "b t"]
    ssim: Float[Array, "b t"]
    pixel_mse: Float[Array, "b t"]


def openstl_ratios(prediction: Unit, truth: Unit) -> dict[str, Ratio]:
    """Returns the scores averaged over frames and clips; PSNR is averaged over frames too, unlike in ``scores``."""
    found = openstl_scores(prediction, truth)
    return {
        "openstl_mse": ratio(found.mse),
        "openstl_mae": ratio(found.mae),
        "openstl_ssim": ratio(found.ssim),
        "openstl_psnr": ratio(psnr(np.asarray(found.pixel_mse, np.float64))),
    }


@jax.jit
def openstl_scores(prediction: Unit, truth: Unit) -> OpenSTLScores:
    """Scores every frame; raises a ValueError if a frame is smaller than the window of SSIM."""
    grey = is_grey(truth)
    prediction = jnp.where(grey, jnp.mean(prediction, axis=-1, keepdims=True), prediction)
    difference = prediction - truth
    channels = jnp.where(grey[..., 0, 0, 0], 1, truth.shape[-1])
    pixels = channels * truth.shape[2] * truth.shape[3]
    mse = reduce(difference**2, "b t h w c -> b t", "mean")
    mae = reduce(jnp.abs(difference), "b t h w c -> b t", "mean")
    return OpenSTLScores(pixels * mse, pixels * mae, ssim(prediction, truth, EVEN), mse)


def is_grey(truth: Unit) -> Bool[Array, "b 1 1 1 1"]:
    """Returns which clips have three equal channels."""
    return jnp.all(truth == truth[..., :1], axis=(1, 2, 3, 4), keepdims=True)
