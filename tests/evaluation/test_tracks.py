"""Tracks drawn over a clip are where the objects are, and where they are found."""

import numpy as np
import pytest
from players import CONTEXT, FUTURE, Drawn

from futurepred_jax.data.scene import ROLES
from futurepred_jax.data.trajectories import FAMILIES
from futurepred_jax.evaluation.tracks import about_clip, knows_targets, tracks_of


@pytest.fixture(scope="module")
def clip() -> dict[str, np.ndarray]:
    return Drawn(level="clean").batch(np.array([1]))


def test_the_tracker_finds_the_targets_of_the_true_future_where_they_are(clip):
    tracks = tracks_of(clip, clip["video"][0, CONTEXT:], context=CONTEXT)
    targets = int((clip["exists"] & (clip["role"] == ROLES.index("target"))).sum())
    assert tracks["places"].shape == (CONTEXT + FUTURE, targets, 2)
    assert tracks["found"].shape == (FUTURE, targets, 2)
    both = np.isfinite(tracks["found"]).all(axis=-1)
    assert both.mean() > 0.7
    error = np.linalg.norm(tracks["found"] - tracks["places"][CONTEXT:], axis=-1)
    assert np.median(error[both]) < 0.5


def test_a_place_is_the_middle_of_what_is_visible(clip):
    places = tracks_of(clip, clip["video"][0, CONTEXT:], context=CONTEXT)["places"]
    y, x = np.nonzero(clip["instance"][0, 2] == 1)
    np.testing.assert_allclose(places[2, 0], [x.mean(), y.mean()], rtol=1e-4)
    np.testing.assert_array_equal(np.isfinite(places[..., 0]), clip["visible_px"][0, :, : places.shape[1]] > 0)


def test_nothing_is_found_in_a_black_prediction(clip):
    tracks = tracks_of(clip, np.zeros_like(clip["video"][0, CONTEXT:]), context=CONTEXT)
    assert np.isnan(tracks["found"]).all()


def test_what_is_in_a_clip_is_told_by_the_names_of_its_motions(clip):
    about = about_clip(clip)
    moves = clip["family"][0][clip["exists"][0]]
    assert about == {"families": sorted({tuple(FAMILIES)[move] for move in moves}), "targets": len(moves), "clutter": 0}


def test_of_recorded_clips_no_target_is_known(clip):
    assert knows_targets(clip)
    assert not knows_targets({"video": clip["video"], "noisy": clip["noisy"]})
