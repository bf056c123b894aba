"""OpenSTL's scores against what its own calls amount to, written out with numpy and scikit-image."""

import jax.numpy as jnp
import numpy as np
import pytest
from skimage.metrics import structural_similarity

from futurepred_jax.metrics.image import ssim
from futurepred_jax.metrics.openstl import openstl_ratios


def videos(channels: int) -> tuple[np.ndarray, np.ndarray]:
    """Predicted and true clips, [n t h w c], whose later frames are predicted worse."""
    rng = np.random.default_rng(0)
    truth = rng.random((3, 4, 20, 24, channels)).astype(np.float32)
    blend = np.linspace(0.1, 0.8, 4, dtype=np.float32)[:, None, None, None]
    return (1 - blend) * truth + blend * rng.random(truth.shape).astype(np.float32), truth


def as_there(prediction: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Frame by frame, in OpenSTL's layout [n t c h w]; floats had a range of 2 in the scikit-image that it pins."""
    prediction, truth = (np.moveaxis(each.astype(np.float64), -1, 2) for each in (prediction, truth))
    difference = prediction - truth
    frames = [(p, t) for clips in zip(prediction, truth, strict=True) for p, t in zip(*clips, strict=True)]
    found = {
        "openstl_mse": (difference**2).mean(axis=(0, 1)).sum(),
        "openstl_mae": np.abs(difference).mean(axis=(0, 1)).sum(),
        "openstl_ssim": np.mean([structural_similarity(p, t, channel_axis=0, data_range=2) for p, t in frames]),
        "openstl_psnr": np.mean([20 * np.log10(1 / np.sqrt(((p - t) ** 2).mean())) for p, t in frames]),
    }
    return {name: float(value) for name, value in found.items()}


def here(prediction: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    found = openstl_ratios(jnp.asarray(prediction), jnp.asarray(truth))
    return {name: each.over_split() for name, each in found.items()}


def test_colour_videos_have_the_scores_that_they_have_there():
    prediction, truth = videos(3)
    assert here(prediction, truth) == pytest.approx(as_there(prediction, truth), rel=1e-4)


def test_grey_videos_count_as_one_channel_as_they_do_there():
    prediction, truth = videos(1)
    assert here(prediction.repeat(3, axis=-1), truth.repeat(3, axis=-1)) == pytest.approx(
        as_there(prediction, truth), rel=1e-4
    )


def test_of_a_coloured_prediction_of_a_grey_video_the_mean_of_the_channels_counts():
    prediction, _ = videos(3)
    grey = videos(1)[1].repeat(3, axis=-1)
    mean = prediction.mean(axis=-1, keepdims=True)
    assert here(prediction, grey) == pytest.approx(as_there(mean, grey[..., :1]), rel=1e-4)


def test_known_values_of_a_constant_error():
    truth = np.full((2, 3, 64, 64, 3), 0.25, np.float32)
    found = here(truth + np.float32(0.1), truth)
    assert found["openstl_mse"] == pytest.approx(64 * 64 * 0.01, rel=1e-4)
    assert found["openstl_mae"] == pytest.approx(64 * 64 * 0.1, rel=1e-4)
    assert found["openstl_psnr"] == pytest.approx(20, rel=1e-4)
    c1 = 0.02**2
    assert found["openstl_ssim"] == pytest.approx((2 * 0.25 * 0.35 + c1) / (0.25**2 + 0.35**2 + c1), rel=1e-4)


def test_its_ssim_is_higher_than_that_of_wang_et_al():
    prediction, truth = (0.2 * each for each in videos(3))  # its constants weigh the more, the fainter the contrast
    assert here(prediction, truth)["openstl_ssim"] > float(ssim(prediction, truth).mean()) + 0.05


def test_the_true_video_is_perfect():
    _, truth = videos(3)
    assert here(truth, truth) == pytest.approx(
        {"openstl_mse": 0, "openstl_mae": 0, "openstl_ssim": 1, "openstl_psnr": 100}, abs=1e-5
    )
