import numpy as np
import pytest

from futurepred_jax.data.clips import CLIP_FIELDS, make_clip, noisy
from futurepred_jax.data.spec import ClutterSpec, in_split

SPEC = ClutterSpec(size=16, frames=5, level="heavy")


@pytest.mark.parametrize("split", ["train", "test_long", "probe_permanence"])
def test_fields_are_as_listed(split):
    clip = make_clip(SPEC, split, 3, CLIP_FIELDS)
    assert list(clip) == list(CLIP_FIELDS)
    for name, field in CLIP_FIELDS.items():
        assert clip[name].dtype == field.dtype, name
        assert clip[name].shape == field.shape(in_split(SPEC, split)), name
    assert clip["index"] == 3
    assert CLIP_FIELDS["video"].shape(SPEC) == (5, 16, 16, 3)


def test_only_the_fields_asked_for_are_made():
    assert list(make_clip(SPEC, "train", 3, ("depth", "index"))) == ["depth", "index"]
    assert set(CLIP_FIELDS) - set(make_clip(SPEC, "train", 3)) == {"depth", "flow", "predictable"}
    with pytest.raises(ValueError, match="unknown colour; known are video, instance"):
        make_clip(SPEC, "train", 3, ("colour",))


def test_same_index_same_bits_in_any_order():
    forward = {i: make_clip(SPEC, "train", i, CLIP_FIELDS) for i in (0, 1, 2)}
    for i in (2, 0, 1):
        again = make_clip(SPEC, "train", i, CLIP_FIELDS)
        for name in CLIP_FIELDS:
            np.testing.assert_array_equal(again[name], forward[i][name], err_msg=name)
        np.testing.assert_array_equal(noisy(SPEC, "train", again), noisy(SPEC, "train", forward[i]))
    assert np.any(forward[0]["video"] != forward[1]["video"])


def test_splits_differ_in_picture_and_noise():
    one, other = make_clip(SPEC, "train", 0), make_clip(SPEC, "val_iid", 0)
    assert np.any(one["video"] != other["video"])
    noises = [noisy(SPEC, split, one) - one["video"].astype(int) for split in ("train", "val_iid")]
    assert np.mean(noises[0] != noises[1]) > 0.5


def test_truth_belongs_to_the_picture():
    clip = make_clip(SPEC, "test_iid", 5)
    slots = np.arange(1, len(clip["exists"]) + 1)
    counts = (clip["instance"][..., None] == slots).sum((1, 2))
    np.testing.assert_array_equal(clip["visible_px"], counts)
    assert np.all(clip["visible_px"] <= clip["amodal_px"])
    assert not np.any(clip["amodal_px"][~(clip["alive"] & clip["exists"])])
    assert np.any(counts)


def test_noise_is_as_strong_as_the_clip_says():
    clip = make_clip(ClutterSpec(size=32, level="heavy"), "train", 1)
    clip = {
        **clip,
        "video": np.full_like(clip["video"], 128),
        "noise": np.array([clip["noise"][0], 0, 0, 0], np.float32),
    }
    added = noisy(SPEC, "train", clip) - 128.0
    assert added.std() == pytest.approx(255 * clip["noise"][0], rel=0.05)
