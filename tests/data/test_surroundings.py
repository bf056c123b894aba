import numpy as np
import pytest

from futurepred_jax.data.spec import ClutterSpec, Intensities
from futurepred_jax.data.surroundings import DRIFT, PLAIN_GROUND, PLAIN_SKY, make_background

NUMBERS = np.array([0.4, 0.5, 0.1, 0.2])
COLOURS = np.linspace(0.05, 0.95, 16)


def ground(background="plain", strength=0.0, drift=(0.3, 0.9)):
    spec = ClutterSpec(background=background, level=Intensities(background=strength))
    return make_background(spec, NUMBERS, COLOURS, np.array(drift))


def test_a_plain_floor_is_the_same_whatever_was_drawn():
    np.testing.assert_array_equal(ground().ground_rgb, PLAIN_GROUND)
    np.testing.assert_array_equal(ground().sky_rgb, PLAIN_SKY)
    assert ground().ground_pattern == 0
    assert not ground().offset.any()


def test_the_intensity_leads_from_plain_to_busy_colours():
    busy = ground("any")
    for strength in (0.25, 1.0):
        mixed = ground(strength=strength)
        np.testing.assert_allclose(mixed.ground_rgb, PLAIN_GROUND + strength * (busy.ground_rgb - PLAIN_GROUND))
        np.testing.assert_allclose(mixed.sky_rgb, PLAIN_SKY + strength * (busy.sky_rgb - PLAIN_SKY))
        assert mixed.ground_pattern == busy.ground_pattern == 1
    np.testing.assert_array_equal(ground("any", 0.5).ground_rgb, busy.ground_rgb)


@pytest.mark.parametrize(("pace", "expected"), [(0.2, 0.0), (0.5, 0.0), (0.75, 0.5), (1.0, 1.0)])
def test_every_other_pattern_drifts_steadily(pace, expected):
    offset = ground(strength=0.8, drift=(0.25, pace)).offset
    moved = np.diff(offset, axis=0) * 6
    np.testing.assert_allclose(moved, np.tile([0, 0.8 * DRIFT * expected], (16, 1)), atol=1e-12)
    assert not np.diff(ground("any", drift=(0.25, pace)).offset, axis=0).any(), "not without clutter"
