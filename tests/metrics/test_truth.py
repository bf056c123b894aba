"""Cutting a batch's truth to the frames that are scored."""

import jax.numpy as jnp
import numpy as np

from futurepred_jax.metrics import scores
from futurepred_jax.metrics.clutter import Drawings
from futurepred_jax.metrics.truth import only_video, truth_of

ROLES = {"target": 0, "persistent": 1, "transient": 2}
HUES = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


def batch() -> dict[str, np.ndarray]:
    """Two frames of context and one of future; object 0 is clutter, 1 a target, 2 a transient born in the future."""
    instance = np.zeros((1, 3, 12, 12), np.uint8)
    instance[0, 2, 1:3, 1:3] = 1
    instance[0, 2, 8:10, 2:5] = 2
    instance[0, 2, 8, 8] = 3
    alive = np.array([[[True, True, False], [True, True, False], [True, True, True]]])
    counts = np.array([[[4, 6, 0], [4, 6, 0], [4, 6, 1]]], np.int32)
    return {
        "video": np.full((1, 3, 12, 12, 3), 51, np.uint8),
        "instance": instance,
        "centre": np.arange(18, dtype=np.float32).reshape(1, 3, 3, 2),
        "visible_px": counts,
        "amodal_px": 2 * counts,
        "alive": alive,
        "exists": np.ones((1, 3), bool),
        "role": np.array([[1, 0, 2]], np.int8),
        "rgb": np.eye(3, dtype=np.float32)[None],
    }


def truth(**fields: np.ndarray):
    clips = batch() | fields
    future = jnp.zeros((1, 1, 12, 12, 3))
    drawings = Drawings(future, future, jnp.zeros((1, 1, 12, 12), jnp.int32))
    return truth_of(clips, drawings, context=2, slots=2, roles=ROLES, hues=HUES)


def test_targets_are_gathered_into_the_first_slots():
    targets = truth().targets
    np.testing.assert_array_equal(targets.exists, [[True, False]])
    np.testing.assert_array_equal(targets.rgb[0, 0], [0, 1, 0])
    np.testing.assert_array_equal(targets.visible_px[0, 0, 0], 6)
    np.testing.assert_array_equal(targets.start[0, 0], batch()["centre"][0, 1, 1])


def test_places_are_centroids_of_visible_pixels_and_centres_where_nothing_shows():
    targets = truth().targets
    np.testing.assert_allclose(targets.place[0, 0, 0], [3, 8.5])
    targets = truth(instance=np.zeros((1, 3, 12, 12), np.uint8)).targets
    np.testing.assert_allclose(targets.place[0, 0, 0], batch()["centre"][0, 2, 1])


def test_foreground_holds_every_object_and_foreseeable_is_all_that_none_born_later_touches():
    result = truth()
    foreground, foreseeable = np.asarray(result.foreground)[0, 0], np.asarray(result.foreseeable)[0, 0]
    assert foreground[8, 8]
    assert foreground[2, 2]
    assert not foreground[0, 11]
    expected = np.ones((12, 12), bool)
    expected[6:11, 6:11] = False
    np.testing.assert_array_equal(foreseeable, expected)


def test_pictures_become_unit_floats():
    np.testing.assert_allclose(truth().video, 0.2)


def test_an_object_may_have_been_hidden_in_the_context():
    visible = np.array([[[4, 0, 0], [4, 0, 0], [4, 6, 1]]], np.int32)
    events = truth(visible_px=visible, amodal_px=np.full((1, 3, 3), 6, np.int32)).events
    np.testing.assert_array_equal(events.returned[0, 0], [True, False])
    np.testing.assert_array_equal(events.hidden[0, 0], [False, False])


def test_the_palette_knows_which_hues_no_target_has():
    np.testing.assert_array_equal(truth().palette.absent, [[True, False]])


def test_clutter_of_the_context_is_asked_for_and_later_clutter_is_not():
    visible = np.full((1, 3, 3), 6, np.int32)
    clutter = truth(visible_px=visible, amodal_px=visible).clutter
    np.testing.assert_array_equal(clutter.persistent[0, 0], [True, False, False])
    assert not np.asarray(clutter.living).any()
    born = batch()["alive"] | np.array([False, False, True])
    np.testing.assert_array_equal(
        truth(visible_px=visible, amodal_px=visible, alive=born).clutter.living[0, 0], [False, False, True]
    )
    born[0, 2, 2] = False
    np.testing.assert_array_equal(
        truth(visible_px=visible, amodal_px=visible, alive=born).clutter.ended[0, 0], [False, False, True]
    )


def test_of_a_recorded_video_only_pixels_are_scored():
    video = np.random.default_rng(0).integers(0, 255, (2, 3, 16, 16, 3), dtype=np.uint8)
    record = scores.measure(jnp.asarray(video, jnp.float32) / 255, only_video(video))
    found = {name: each.over_split() for name, each in scores.ratios(record).items()}
    assert found["psnr"] == 100
    known = {name for name, value in found.items() if np.isfinite(value)}
    assert known == {"psnr", "ssim", "mse", "mae", "mse_frame", "mae_frame"}
