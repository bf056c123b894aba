"""Pixel metrics against scikit-image, closed forms, and the properties that a wrong port would break."""

import numpy as np
import pytest
from skimage.metrics import structural_similarity

from futurepred_jax.metrics import image


def noise(seed: int, shape=(2, 3, 32, 40, 3)) -> np.ndarray:
    return np.random.default_rng(seed).random(shape, np.float32)


@pytest.mark.parametrize("blend", [0.0, 0.3, 0.9])
def test_ssim_equals_scikit_image(blend):
    truth = noise(0)
    prediction = (1 - blend) * truth + blend * noise(1)
    expected = [
        [
            structural_similarity(
                a.astype(np.float64),
                b.astype(np.float64),
                gaussian_weights=True,
                sigma=1.5,
                use_sample_covariance=False,
                data_range=1,
                channel_axis=-1,
            )
            for a, b in zip(*clips, strict=True)
        ]
        for clips in zip(prediction, truth, strict=True)
    ]
    np.testing.assert_allclose(image.ssim(prediction, truth), expected, atol=2e-5)


def test_ssim_of_flat_pictures_is_their_luminance_term():
    dark, light = np.full((1, 1, 16, 16, 3), 0.2, np.float32), np.full((1, 1, 16, 16, 3), 0.6, np.float32)
    expected = (2 * 0.2 * 0.6 + 1e-4) / (0.2**2 + 0.6**2 + 1e-4)
    np.testing.assert_allclose(image.ssim(dark, light), expected, rtol=1e-4)


def test_ssim_refuses_frames_smaller_than_its_window():
    with pytest.raises(ValueError, match="11 pixels a side"):
        image.ssim(noise(0, (1, 1, 8, 16, 3)), noise(0, (1, 1, 8, 16, 3)))


def test_the_true_video_is_perfect():
    truth = noise(0)
    scores = image.image_scores(truth, truth)
    np.testing.assert_array_equal(scores.mse, 0)
    np.testing.assert_array_equal(scores.mae, 0)
    np.testing.assert_allclose(scores.ssim, 1, atol=1e-6)
    np.testing.assert_allclose(image.psnr(np.asarray(scores.mse)), image.CAP, rtol=1e-6)


def test_a_constant_offset_has_the_error_of_the_offset_and_20_db():
    truth = np.full((2, 2, 16, 16, 3), 0.25, np.float32)
    scores = image.image_scores(truth + np.float32(0.1), truth)
    np.testing.assert_allclose(scores.mse, 0.01, rtol=1e-5)
    np.testing.assert_allclose(scores.mae, 0.1, rtol=1e-5)
    np.testing.assert_allclose(image.psnr(np.asarray(scores.mse)), 20, rtol=1e-5)


def test_psnr_of_nothing_is_nothing():
    assert np.isnan(image.psnr(np.array([np.nan]))).all()


def test_masked_error_sees_only_the_mask():
    truth = noise(0, (1, 2, 16, 16, 3))
    mask = np.zeros((1, 2, 16, 16), bool)
    mask[:, 0, 4:8, 4:8] = True
    elsewhere = np.where(mask[..., None], truth, 1 - truth)
    np.testing.assert_array_equal(image.masked_error(elsewhere, truth, mask).total, 0)
    inside = np.where(mask[..., None], np.clip(truth, 0, 0.5) + np.float32(0.5), truth)
    error = image.masked_error(inside, truth, mask)
    np.testing.assert_allclose(error.total, ((inside - truth) ** 2).sum(axis=(2, 3, 4)), rtol=1e-5)
    np.testing.assert_array_equal(error.count, [[16 * 3, 0]])


def test_masked_ssim_is_the_mean_over_the_windows_that_lie_in_the_mask():
    prediction, truth = noise(0, (1, 1, 30, 24, 3)), noise(1, (1, 1, 30, 24, 3))
    mask = np.zeros((1, 1, 30, 24), bool)
    mask[:, :, 4:22, 3:20] = True
    found = image.masked_ssim(prediction, truth, mask)
    inside = image.ssim(prediction[:, :, 4:22, 3:20], truth[:, :, 4:22, 3:20])
    np.testing.assert_allclose(found.total / found.count, inside, rtol=1e-4)
    np.testing.assert_array_equal(found.count, [[(18 - 10) * (17 - 10) * 3]])
    everywhere = image.masked_ssim(prediction, truth, np.ones_like(mask))
    np.testing.assert_allclose(everywhere.total / everywhere.count, image.ssim(prediction, truth), rtol=1e-5)


def test_dilation_reaches_two_pixels():
    mask = np.zeros((1, 1, 9, 9), bool)
    mask[0, 0, 4, 4] = mask[0, 0, 0, 8] = True
    expected = np.zeros((9, 9), bool)
    expected[2:7, 2:7] = expected[:3, 6:] = True
    np.testing.assert_array_equal(image.dilate(mask)[0, 0], expected)


@pytest.mark.parametrize("value", [-0.01, 1.01, np.nan])
def test_values_outside_the_unit_range_are_refused(value):
    frames = noise(0)
    frames[1, 2, 3, 4, 1] = value
    with pytest.raises(ValueError, match=r"prediction holds values .* metrics take \[0, 1\]"):
        image.require_unit_range("prediction", frames)
    image.require_unit_range("truth", noise(0))
