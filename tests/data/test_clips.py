import numpy as np
import pytest

from futurepred_jax.data.clips import CLIP_FIELDS, make_clip, noisy
from futurepred_jax.data.spec import ClutterSpec

SPEC = ClutterSpec(size=16, frames=5, level="heavy")


def test_fields_are_as_listed():
    clip = make_clip(SPEC, "train", 3)
    assert list(clip) == list(CLIP_FIELDS)
    for name, meaning in CLIP_FIELDS.items():
        assert clip[name].dtype == meaning.split()[0], name
        assert clip[name].ndim == len(meaning[meaning.index("[") + 1 : meaning.index("]")].split()), name
    assert clip["index"] == 3
    assert clip["video"].shape == (5, 16, 16, 3)


def test_same_index_same_bits_in_any_order():
    forward = {i: make_clip(SPEC, "train", i) for i in (0, 1, 2)}
    for i in (2, 0, 1):
        again = make_clip(SPEC, "train", i)
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
