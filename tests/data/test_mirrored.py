"""Mirror images are the same clips the other way round, and two sources joined are one after the other."""

import numpy as np
import pytest

from futurepred_jax.data.mirrored import Joined, MirrorImages
from futurepred_jax.data.pipeline import ArraySource, Clips, batches
from futurepred_jax.data.spec import ClutterSpec
from futurepred_jax.data.store import materialize


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    spec = ClutterSpec(size=16, frames=5, context=3)
    return materialize(spec, "train", 3, tmp_path_factory.mktemp("clips"), workers=0, progress=False)


def test_left_is_right_and_nothing_else_changes(clips):
    mirrored = MirrorImages(clips)
    assert isinstance(mirrored, Clips)
    there, turned = clips.batch(np.array([2, 0])), mirrored.batch(np.array([2, 0]))
    for name in ("video", "noisy"):
        assert (there[name] != turned[name]).any()
        np.testing.assert_array_equal(turned[name], np.flip(there[name], axis=3))
    np.testing.assert_array_equal(turned["index"], [2, 0])
    assert turned.keys() == {"video", "noisy", "index"}
    assert (mirrored.split, mirrored.sha256, mirrored.spec, len(mirrored)) == (
        "train-mirrored",
        clips.sha256,
        clips.spec,
        3,
    )


@pytest.mark.parametrize("indices", [[0, 1], [2], [4, 3], [4, 0, 3, 3, 1], [1, 4, 2]])
def test_joined_sources_answer_as_one(indices):
    whole = ArraySource({"a": np.arange(5), "b": np.arange(10).reshape(5, 2)})
    parts = [ArraySource({name: whole.arrays[name][some] for name in "ab"}) for some in (slice(3), slice(3, 5))]
    joined = Joined(*parts)
    assert len(joined) == 5
    for name, field in joined.batch(np.array(indices)).items():
        np.testing.assert_array_equal(field, whole.batch(np.array(indices))[name])


def test_an_epoch_has_each_example_of_both_once():
    source = Joined(ArraySource({"index": np.arange(3)}), ArraySource({"index": np.arange(3, 6)}))
    seen = next(batches(source, batch_size=6, seed=0))["index"]
    assert sorted(seen) == list(range(6))


def test_an_index_past_the_end_is_refused(clips):
    with pytest.raises(IndexError, match=r"clips 3 … 3 of train"):
        Joined(clips, MirrorImages(clips)).batch(np.array([6]))
