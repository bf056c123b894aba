import numpy as np
import pytest

from futurepred_jax.data.viewpoints import CAMERAS, SHAKE, shaken

TIMES = np.arange(17) / 6
KEY = np.array([1, 2], np.uint32)
NUMBERS = np.random.default_rng(0).uniform(size=(30, 4))


@pytest.mark.parametrize("name", CAMERAS)
def test_cameras_look_at_the_middle_from_outside_the_arena(name):
    for numbers in NUMBERS:
        camera = CAMERAS[name](TIMES, numbers)
        offset = camera.eye - [0, 0, 1]
        np.testing.assert_array_equal(camera.target, np.tile([0, 0, 1.0], (17, 1)))
        assert 6 <= np.linalg.norm(offset, axis=-1).min() <= np.linalg.norm(offset, axis=-1).max() <= 11
        elevation = np.arcsin(offset[:, 2] / np.linalg.norm(offset, axis=-1))
        assert 0.3 <= elevation.min() <= elevation.max() <= 0.6


def test_a_dolly_moves_steadily_along_its_view():
    paces = []
    for numbers in NUMBERS:
        offset = CAMERAS["dolly"](TIMES, numbers).eye - [0, 0, 1]
        distance = np.linalg.norm(offset, axis=-1)
        np.testing.assert_allclose(offset / distance[:, None], offset[:1] / distance[0] + 0 * offset, atol=1e-12)
        pace = np.diff(distance) * 6
        np.testing.assert_allclose(pace, pace[0], atol=1e-9)
        paces.append(pace[0])
    assert -0.5 <= min(paces) < -0.2 < 0.2 < max(paces) <= 0.5


def test_an_unsteady_hand_turns_the_camera_and_leaves_it_where_it_is():
    steady = CAMERAS["orbit"](TIMES, NUMBERS[0])
    assert shaken(steady, KEY, 0.0) is steady
    for intensity in (0.3, 1.0):
        camera = shaken(steady, KEY, intensity)
        np.testing.assert_array_equal(camera.eye, steady.eye)
        stray = camera.target - steady.target
        assert 0.8 * intensity * SHAKE < np.abs(stray).max() <= intensity * SHAKE
        assert np.abs(np.diff(stray, axis=0)).max(axis=1).min() > 0, "anew in every frame"
