"""Cutting a batch's truth to the frames that are scored."""

import jax.numpy as jnp
import numpy as np

from futurepred_jax.metrics.scores import clip_scores, measure
from futurepred_jax.metrics.truth import only_video, truth_of


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
        "rgb": np.eye(3, dtype=np.float32)[None],
    }


def truth():
    return truth_of(batch(), np.array([[False, True, False]]), context=2, frames=1, slots=2)


def test_targets_are_gathered_into_the_first_slots():
    targets = truth().targets
    np.testing.assert_array_equal(targets.exists, [[True, False]])
    np.testing.assert_array_equal(targets.rgb[0, 0], [0, 1, 0])
    np.testing.assert_array_equal(targets.visible_px[0, 0, 0], 6)
    np.testing.assert_array_equal(targets.start[0, 0], batch()["centre"][0, 1, 1])


def test_places_are_centroids_of_visible_pixels_and_centres_where_nothing_shows():
    targets = truth().targets
    np.testing.assert_allclose(targets.place[0, 0, 0], [3, 8.5])
    hidden = batch() | {"instance": np.zeros((1, 3, 12, 12), np.uint8)}
    targets = truth_of(hidden, np.array([[False, True, False]]), context=2, frames=1, slots=2).targets
    np.testing.assert_allclose(targets.place[0, 0, 0], hidden["centre"][0, 2, 1])


def test_foreground_holds_every_object_and_predictable_none_born_later():
    result = truth()
    foreground, predictable = np.asarray(result.foreground)[0, 0], np.asarray(result.predictable)[0, 0]
    assert foreground[8, 8]
    assert foreground[2, 2]
    assert predictable[2, 2]
    assert predictable[9, 2]
    assert not predictable[6:11, 6:11].any()
    assert not predictable[0, 11]


def test_of_a_video_alone_only_its_pixels_are_scored():
    video = np.random.default_rng(0).integers(0, 255, (2, 3, 16, 16, 3)).astype(np.uint8)
    scores = clip_scores(measure(jnp.full((2, 3, 16, 16, 3), 0.5), only_video(video)))
    for name, values in scores.items():
        assert np.isfinite(values).all() == (name in ("psnr", "ssim", "mse", "mae")), name
    np.testing.assert_allclose(scores["mse"], np.square(video / 255 - 0.5).mean(axis=(1, 2, 3, 4)), rtol=1e-4)


def test_pictures_become_unit_floats():
    np.testing.assert_allclose(truth().video, 0.2)
