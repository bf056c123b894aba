import numpy as np

from futurepred_jax.benchmarks import tracks
from futurepred_jax.data.clips import make_clip
from futurepred_jax.data.spec import ClutterSpec

SPEC = ClutterSpec(size=32, frames=17, context=9)


def test_tracks_are_the_labels_of_the_targets():
    found = tracks.tracks(SPEC, "train", 2)
    clips = [make_clip(SPEC, "train", index, ("centre", "role", "exists")) for index in (0, 1)]
    true = [clip["centre"][:, (clip["role"] == 0) & clip["exists"]] for clip in clips]
    np.testing.assert_allclose(found.places, np.moveaxis(np.concatenate(true, axis=1), 0, 1), rtol=1e-5)
    assert len(found.families) == len(found.places)


def test_who_is_told_places_foresees_turns_and_the_better_the_nearer_they_are():
    train, test = tracks.tracks(SPEC, "train", 400), tracks.tracks(SPEC, "test_iid", 60)
    found = tracks.errors_by_motion(train, test, [0.0, 1.0], context=9, size=32, steps=300)
    constant_velocity, exact, vague = found["turn or bounce"]
    assert exact < vague < constant_velocity
    assert found["static"][0] < 0.01 < found["straight"][0] < found["loop"][0]
