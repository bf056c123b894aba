import numpy as np
import pytest

from futurepred_jax.reporting.overlays import ROLE_COLOURS, draw_depth, draw_flow, draw_truth, enlarge

SCALE = 8
GREEN = np.array(ROLE_COLOURS["target"])


@pytest.fixture
def clip():
    """A square of 3 × 3 pixels that moves two to the right in each of three frames, and an empty slot."""
    instance = np.zeros((3, 12, 12), np.uint8)
    for step in range(3):
        instance[step, 4:7, 2 + 2 * step : 5 + 2 * step] = 1
    return {
        "video": np.full((3, 12, 12, 3), 100, np.uint8),
        "instance": instance,
        "role": np.array([0, 1]),
        "centre": np.array([[[3 + 2 * step, 5], [0, 0]] for step in range(3)], np.float32),
        "box": np.array([[[2 + 2 * step, 4, 5 + 2 * step, 7], [0, 0, 0, 0]] for step in range(3)], np.int16),
        "visible_px": np.array([[9, 0]] * 3),
    }


def test_masks_boxes_and_tracks_lie_where_the_object_is(clip):
    film = draw_truth(clip, ("target", "persistent"), SCALE)
    assert film.shape == (3, 96, 96, 3)
    last = film[2]
    tint = np.round(0.6 * 100 + 0.4 * GREEN)
    np.testing.assert_array_equal(last[4 * SCALE + 2, 6 * SCALE + 2], tint)  # inside the mask
    np.testing.assert_array_equal(last[4 * SCALE, 6 * SCALE : 9 * SCALE], np.tile(GREEN, (3 * SCALE, 1)))  # the box
    np.testing.assert_array_equal(last[5 * SCALE + 4, 3 * SCALE + 4], GREEN)  # where it was two frames before
    np.testing.assert_array_equal(last[SCALE, SCALE], [100] * 3)
    assert (film[0] == GREEN).all(axis=-1).sum() < (last == GREEN).all(axis=-1).sum()


def test_a_hidden_object_keeps_its_way_and_has_no_box(clip):
    clip["visible_px"][2, 0] = 0
    hidden = draw_truth(clip, ("target", "persistent"), SCALE)[2]
    np.testing.assert_array_equal(hidden[5 * SCALE + 4, 3 * SCALE + 4], GREEN)
    assert not (hidden[4 * SCALE, 6 * SCALE : 9 * SCALE] == GREEN).all()


def test_flow_has_one_hue_a_direction_and_more_light_where_it_is_faster():
    flow = np.zeros((1, 2, 3, 2), np.float32)
    flow[0, 0] = [(1, 0), (4, 0), (0, 4)]
    colour = draw_flow(flow)[0].astype(int)
    assert (colour[1] == 0).all()
    assert colour[0, 0].argmax() == colour[0, 1].argmax() == 0  # to the right is red
    assert colour[0, 0].max() == pytest.approx(colour[0, 1].max() / 2, abs=1)
    assert np.abs(colour[0, 1] - colour[0, 2]).max() > 100
    assert (draw_flow(np.full((1, 2, 2, 2), np.inf)) == 0).all()


def test_enlarged_pixels_are_squares():
    film = np.arange(12, dtype=np.uint8).reshape(1, 2, 2, 3)
    np.testing.assert_array_equal(enlarge(film, 3)[:, 1::3, 1::3], film)
    assert len(np.unique(enlarge(film, 3)[0, :3, :3].reshape(-1, 3), axis=0)) == 1


def test_depth_is_lighter_the_nearer_and_black_at_the_sky():
    drawn = draw_depth(np.array([[[2.0, 4.0, 20.0, np.inf]]])).astype(int).sum(-1)[0, 0]
    assert drawn[0] > drawn[1] > drawn[2] > drawn[3] == 0
