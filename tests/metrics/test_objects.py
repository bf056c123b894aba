"""Masks, counts and false detections on discs."""

import jax.numpy as jnp
import numpy as np
import pytest

from futurepred_jax.metrics.objects import ObjectScores, Palette, object_scores
from futurepred_jax.metrics.tracking import Targets, track

SIZE, RADIUS = 32, 3.0
HUES = np.array([[1, 0.1, 0.1], [0.1, 1, 0.1], [0.1, 0.1, 1], [1, 1, 0.1]], np.float32)
CENTRES = np.array([[8.0, 8.0], [24.0, 22.0]], np.float32)


def disc(centre: np.ndarray, radius: float = RADIUS) -> np.ndarray:
    y, x = np.mgrid[:SIZE, :SIZE]
    return (x - centre[0]) ** 2 + (y - centre[1]) ** 2 <= radius**2


def picture(*objects: tuple[np.ndarray, int, float]) -> jnp.ndarray:
    frame = np.full((1, 1, SIZE, SIZE, 3), 0.55, np.float32)
    for centre, hue, radius in objects:
        frame[0, 0, disc(centre, radius)] = HUES[hue]
    return jnp.asarray(frame)


def scores(video: jnp.ndarray, *, hidden: bool = False) -> ObjectScores:
    """Of two discs, the first of which may be out of sight."""
    masks = [disc(centre) for centre in CENTRES]
    area = jnp.array([[[int(mask.sum()) for mask in masks]]], jnp.int32)
    targets = Targets(
        ids=jnp.array([[1, 2]]),
        start=jnp.asarray(CENTRES)[None],
        centre=jnp.asarray(CENTRES)[None, None],
        place=jnp.asarray(CENTRES)[None, None],
        visible_px=area * jnp.array([0 if hidden else 1, 1]),
        amodal_px=area,
        rgb=jnp.asarray(HUES[:2])[None],
        exists=jnp.ones((1, 2), bool),
    )
    instance = jnp.asarray(masks[0] + 2 * masks[1], jnp.int32)[None, None]
    palette = Palette(jnp.asarray(HUES), jnp.array([[False, False, True, True]]))
    return object_scores(video, track(video, targets), targets, instance, palette)


RED, GREEN = (CENTRES[0], 0, RADIUS), (CENTRES[1], 1, RADIUS)


def test_the_true_picture_has_perfect_masks_and_counts():
    found = scores(picture(RED, GREEN))
    np.testing.assert_array_equal(found.iou, 1)
    assert (float(found.count_error[0, 0]), float(found.false_detections[0, 0])) == (0, 0)


def test_a_smaller_disc_has_the_share_of_its_area():
    found = scores(picture((CENTRES[0], 0, 2.3), GREEN))
    expected = disc(CENTRES[0], 2.3).sum() / disc(CENTRES[0]).sum()
    np.testing.assert_allclose(found.iou[0, 0], [expected, 1], rtol=1e-5)


def test_a_missing_object_has_no_mask_and_one_is_missing():
    found = scores(picture(GREEN))
    np.testing.assert_array_equal(found.iou[0, 0], [0, 1])
    assert (float(found.count_error[0, 0]), float(found.false_detections[0, 0])) == (1, 0)


@pytest.mark.parametrize(("hue", "false"), [(2, 1), (3, 1)])
def test_an_object_of_a_colour_that_no_target_has_matches_nothing(hue, false):
    found = scores(picture(RED, GREEN, (np.array([24.0, 6.0]), hue, RADIUS)))
    assert (float(found.count_error[0, 0]), float(found.false_detections[0, 0])) == (1, false)


def test_an_object_far_from_its_place_matches_nothing_but_counts():
    found = scores(picture((CENTRES[0] + np.array([5.0, 0.0]), 0, RADIUS), GREEN))
    assert (float(found.count_error[0, 0]), float(found.false_detections[0, 0])) == (0, 1)
    assert float(found.iou[0, 0, 0]) < 0.15


def test_an_object_that_is_drawn_while_out_of_sight_is_one_too_many():
    found = scores(picture(RED, GREEN), hidden=True)
    assert (float(found.count_error[0, 0]), float(found.false_detections[0, 0])) == (1, 1)
    assert float(scores(picture(GREEN), hidden=True).count_error[0, 0]) == 0
