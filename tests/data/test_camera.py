import numpy as np
import pytest
from hand_scene import camera_at

from futurepred_jax.data import camera

ROUND = [(8 * np.cos(a), 8 * np.sin(a), 3.0) for a in np.arange(8) * np.pi / 4]


def pixels(eye, *points, size=64):
    return camera.project(camera.pose(camera_at(eye), size), np.array([points], float))


def test_right_is_larger_x_and_higher_is_smaller_y():
    seen = pixels((0, -8, 1), (0, 0, 1), (1, 0, 1), (0, 0, 2), (0, 3, 1))
    (middle, right, high, far), depth = seen.pixel[0], seen.depth[0]
    np.testing.assert_allclose(middle, [31.5, 31.5], atol=1e-9)
    assert right[0] > middle[0] + 5
    assert right[1] == pytest.approx(middle[1])
    assert high[1] < middle[1] - 5
    assert high[0] == pytest.approx(middle[0])
    np.testing.assert_allclose(depth, [8, 8, 8, 11])
    np.testing.assert_allclose(far, middle)


@pytest.mark.parametrize("eye", ROUND)
def test_handedness_from_every_side(eye):
    forward = np.array([0, 0, 1]) - np.array(eye)
    right = np.array([forward[1], -forward[0], 0]) / np.hypot(*forward[:2])  # a quarter turn clockwise, from above
    middle, beside, above = pixels(eye, (0, 0, 1), np.array([0, 0, 1]) + right, (0, 0, 1.5)).pixel[0]
    assert beside[0] > middle[0] + 3
    assert above[1] < middle[1] - 3


def test_matrices_are_a_rotation_and_agree_with_the_projection():
    pose = camera.pose(camera_at((5, -6, 3)), 48)
    rotation = pose.rotation[0]
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(rotation) == pytest.approx(1)
    point = np.array([0.4, -0.7, 1.6])
    x, y, w = pose.intrinsics @ (rotation @ point + pose.translation[0])
    np.testing.assert_allclose(camera.project(pose, point[None, None]).pixel[0, 0], [x / w, y / w])


def test_field_of_view_spans_the_outer_edges():
    edge = 8 * np.tan(np.radians(21))
    left, right = pixels((0, -8, 1), (-edge, 0, 1), (edge, 0, 1)).pixel[0]
    np.testing.assert_allclose([left[0], right[0]], [-0.5, 63.5])


def test_behind_the_eye_there_is_no_pixel():
    seen = pixels((0, -8, 1), (0, -9, 1))
    assert np.isnan(seen.pixel).all()
    assert seen.depth[0, 0] == pytest.approx(-1)


def test_vertical_view_is_refused():
    with pytest.raises(ValueError, match="straight up or down"):
        camera.pose(camera_at((0, 0, 9), (0, 0, 1)), 32)


def sphere_surface(radius):
    points = np.random.default_rng(0).normal(size=(20000, 3))
    return radius * points / np.linalg.norm(points, axis=1, keepdims=True)


@pytest.mark.parametrize("centre", [(0, 0, 8), (2.5, -1.5, 7), (-2.6, 2.2, 4), (0.5, 0.3, 1.5)])
def test_window_holds_the_sphere_and_no_more(centre):
    pose, radius, size = camera.pose(camera_at((0, -8, 1)), 512), 0.7, 512
    points = np.array(centre) + sphere_surface(radius)
    seen = pose.focal * points[:, :2] / points[:, 2:] + pose.principal
    x0, x1, y0, y1 = camera.windows(pose, np.array([centre], float), np.array([radius]), size)[0]
    low, high = np.clip(np.round(seen.min(0)), 0, size), np.clip(np.round(seen.max(0)) + 1, 0, size)
    assert x0 <= low[0] <= x0 + 2
    assert y0 <= low[1] <= y0 + 2
    assert x1 - 2 <= high[0] <= x1
    assert y1 - 2 <= high[1] <= y1


def test_window_is_empty_behind_and_whole_around_the_eye():
    pose = camera.pose(camera_at((0, -8, 1)), 32)
    behind, around = camera.windows(pose, np.array([[0, 0, -3.0], [0.2, 0, 0.3]]), np.array([0.5, 0.5]), 32)
    assert behind[1] <= behind[0]
    np.testing.assert_array_equal(around, [0, 32, 0, 32])
