import numpy as np
import pytest

from futurepred_jax.data.noise import add_noise
from futurepred_jax.data.scene import Noise

KEY = np.array([0x12345678, 9], np.uint32)
GREY = np.full((17, 32, 32, 3), 128, np.uint8)


def only(**strengths):
    return Noise(**{"sigma": 0.0, "salt": 0.0, "flicker": 0.0, "dropped": 0.0, **strengths})


@pytest.mark.parametrize("sigma", [0.01, 0.03, 0.08])
def test_gaussian_has_its_sigma(sigma):
    added = add_noise(GREY, only(sigma=sigma), KEY) - GREY.astype(float)
    expected = np.sqrt((255 * sigma) ** 2 + 1 / 12)  # rounding adds the variance of a uniform level
    assert added.std() == pytest.approx(expected, rel=0.02)
    assert abs(added.mean()) < 5 * expected / np.sqrt(added.size)
    assert np.mean(added**4) / added.var() ** 2 == pytest.approx(3, abs=0.15)
    left, right = added[:, :, :-1].ravel(), added[:, :, 1:].ravel()
    assert abs(np.corrcoef(left, right)[0, 1]) < 0.02
    assert abs(np.corrcoef(added[..., 0].ravel(), added[..., 1].ravel())[0, 1]) < 0.03


def test_rounding_keeps_noise_of_half_a_level():
    added = add_noise(GREY, only(sigma=0.5 / 255), KEY) - GREY.astype(float)
    assert np.mean(added != 0) == pytest.approx(0.317, abs=0.01)  # P(|z| > 1)
    assert np.mean(added > 0) == pytest.approx(np.mean(added < 0), abs=0.01)


@pytest.mark.parametrize("share", [0.01, 0.03])
def test_salt_is_black_and_white_in_equal_parts(share):
    noisy = add_noise(GREY, only(salt=share), KEY)
    hit = (noisy != 128).any(-1)
    assert hit.mean() == pytest.approx(share, rel=0.15)
    assert set(np.unique(noisy[hit])) == {0, 255}
    assert np.all(noisy[hit] == noisy[hit][:, :1])
    assert (noisy[hit] == 255).mean() == pytest.approx(0.5, abs=0.1)


def test_flicker_scales_whole_frames():
    noisy = add_noise(np.tile(GREY, (20, 1, 1, 1)), only(flicker=0.05), KEY)
    gains = noisy[:, 0, 0, 0] / 128
    assert np.all(noisy == noisy[:, :1, :1, :1])
    assert gains.std() == pytest.approx(0.05, rel=0.15)
    assert gains.mean() == pytest.approx(1, abs=0.01)


def test_dropped_rows_are_black():
    noisy = add_noise(np.tile(GREY, (10, 1, 1, 1)), only(dropped=0.04), KEY)
    rows = noisy.reshape(-1, 32 * 3)
    black = (rows == 0).all(1)
    assert black.mean() == pytest.approx(0.04, rel=0.2)
    assert np.all(rows[~black] == 128)


def test_no_noise_changes_nothing_and_the_clean_video_stays():
    clean = np.random.default_rng(1).integers(0, 256, (3, 16, 16, 3), dtype=np.uint8)
    before = clean.copy()
    np.testing.assert_array_equal(add_noise(clean, only(), KEY), clean)
    assert np.any(add_noise(clean, only(sigma=0.05, salt=0.02), KEY) != clean)
    np.testing.assert_array_equal(clean, before)


def test_extremes_do_not_wrap_around():
    dark, light = (add_noise(np.full_like(GREY, level), only(sigma=0.08), KEY) for level in (0, 255))
    assert dark.max() < 128 < light.min()


def test_same_key_same_bits_other_key_other_bits():
    strengths = Noise(0.05, 0.02, 0.02, 0.02)
    one, two = (add_noise(GREY, strengths, KEY) for _ in range(2))
    other = add_noise(GREY, strengths, KEY + np.uint32(1))
    np.testing.assert_array_equal(one, two)
    assert np.mean(one != other) > 0.5


@pytest.mark.parametrize("wrong", [{"sigma": -0.1}, {"salt": 1.5}, {"dropped": 2.0}])
def test_impossible_strengths_are_refused(wrong):
    with pytest.raises(ValueError, match="must not be negative"):
        add_noise(GREY, only(**wrong), KEY)
