import dataclasses
import itertools

import numpy as np
import pytest

from futurepred_jax.data.looks import HUES
from futurepred_jax.data.spec import (
    CAPACITY,
    CLUTTER_LEVELS,
    SLOTS,
    SPLITS,
    TWIN,
    ClutterSpec,
    Intensities,
    in_split,
    role_slots,
)


def chroma(rgb):
    return rgb / rgb.sum(-1, keepdims=True)


def test_splits_have_disjoint_keys_whatever_the_training_seed():
    names = [split for split in SPLITS if not split.endswith(TWIN)]
    high = {split: {int(ClutterSpec(seed=s).key(split, 0)[0]) >> 16 for s in (0, 1, 65535)} for split in names}
    assert all(len(values) == 1 for values in high.values())
    assert len(set.union(*high.values())) == len(names) == 17


def test_only_the_training_split_follows_the_seed():
    one, other = ClutterSpec(seed=1), ClutterSpec(seed=2)
    for split in SPLITS:
        assert np.array_equal(one.key(split, 5), other.key(split, 5)) == (split != "train")


def test_hues_are_apart_and_bright():
    gap = np.linalg.norm(chroma(HUES)[:, None] - chroma(HUES), axis=-1) + 10 * np.eye(12)
    assert gap.min() > 0.2
    assert (HUES.max(1) == 1).all()


def test_levels_grow_in_every_kind():
    strengths = [dataclasses.astuple(CLUTTER_LEVELS[name]) for name in CLUTTER_LEVELS]
    assert strengths[0] == (0, 0, 0, 0, 0, 0)
    assert all(np.all(np.array(low) <= high) for low, high in itertools.pairwise(strengths))
    assert all(0 <= x <= 1 for level in strengths for x in level)


def test_a_level_may_be_intensities():
    spec = ClutterSpec(level=Intensities(transient=0.3))
    assert spec.intensities == Intensities(transient=0.3)
    assert spec.fingerprint() != ClutterSpec(level="clean").fingerprint()


def test_a_specification_of_a_split_is_that_of_the_split():
    for split in SPLITS:
        once = in_split(ClutterSpec(), split)
        assert in_split(once, split) == once
        assert (once == ClutterSpec()) == (split in ("train", "val_iid", "test_iid"))


@pytest.mark.parametrize(("frames", "context", "length"), [(17, 9, 41), (49, 25, 121), (9, 5, 21), (17, 5, 53)])
def test_the_long_split_has_four_futures_after_one_context(frames, context, length):
    spec = ClutterSpec(frames=frames, context=context)
    assert in_split(spec, "test_long").length == length == context + 4 * (frames - context)
    assert in_split(spec, "test_long").context_frames == spec.context_frames == context
    assert len(in_split(spec, "test_long").times) == length


def test_the_border_is_at_half_of_a_clip_unless_told():
    assert [ClutterSpec(frames=frames).context_frames for frames in (1, 9, 17, 49)] == [1, 5, 9, 25]


def test_roles_share_the_slots_without_overlap():
    taken = np.concatenate([np.arange(SLOTS)[role_slots(role)] for role in CAPACITY])
    np.testing.assert_array_equal(taken, np.arange(SLOTS))
    assert SLOTS == 48


def test_fingerprint_sees_every_field():
    changed = {
        "size": 32, "frames": 9, "fps": 8.0, "level": "heavy", "families": ("loop",), "objects": (1, 3),
        "background": "any", "camera": "orbit", "samples": 1, "static_share": 0.0, "seed": 3, "context": 5,
        "horizon": 2, "shapes": ("dome",), "combinations": "seen", "rotation": "tumble", "occluders": ("curtain",),
        "occlusion": "sure", "clutter_free": True, "tempo": (1.0, 1.5), "gravity": (3.0, 4.0),
    }  # fmt: skip
    assert set(changed) == {field.name for field in dataclasses.fields(ClutterSpec)}
    prints = {ClutterSpec(**{name: value}).fingerprint() for name, value in changed.items()}
    assert len(prints | {ClutterSpec().fingerprint()}) == len(changed) + 1


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"level": "moderat"}, "clean, minimal, moderate, heavy"),
        ({"families": ("zigzag",)}, "straight"),
        ({"background": "sea"}, "plain, any"),
        ({"camera": "drone"}, "static, orbit, dolly"),
        ({"objects": (0, 3)}, "1 ≤ fewest"),
        ({"objects": (2, 13)}, "most ≤ 12"),
        ({"static_share": 1.5}, r"in \[0, 1\]"),
        ({"families": ("static",)}, "one that moves"),
        ({"seed": 65536}, "65536"),
        ({"frames": 0}, "frames 0"),
        ({"size": 4}, "size 4"),
        ({"context": 18}, "context 18: must be 1 to 17"),
        ({"horizon": 0}, "horizon 0"),
        ({"shapes": ("torus",)}, "sphere, cube"),
        ({"shapes": ()}, "some of sphere"),
        ({"shapes": ("dome",), "combinations": "held_out"}, "of sphere, cube, cylinder, cone"),
        ({"shapes": ("cube", "cone"), "combinations": "seen"}, "three of sphere, cube, cylinder, cone"),
        ({"families": ("static", "collisions"), "objects": (4, 9)}, "at most 8"),
        ({"occlusion": "paired", "objects": (4, 12)}, "at most 11"),
        ({"rotation": "roll"}, "yaw, tumble"),
        ({"occluders": ("wall",)}, "pillar, curtain"),
        ({"occlusion": "never"}, "any, sure, paired"),
        ({"level": Intensities(noise=2.0)}, r"intensities in \[0, 1\]"),
        ({"families": ("collisions",), "objects": (4, 9)}, "at most 8"),
        ({"tempo": (2.0, 1.0)}, "least ≤ most"),
        ({"gravity": (0.0, 1.0)}, "0 < least"),
        ({"families": ("random_walk",), "fps": 1.0, "horizon": 4}, "random_walk for 40 seconds: must be at most 28"),
    ],
)
def test_a_wrong_specification_is_refused_with_the_rule(fields, message):
    with pytest.raises(ValueError, match=message):
        ClutterSpec(**fields)


def test_an_unknown_split_or_index_is_refused():
    with pytest.raises(ValueError, match="train, val_iid, test_iid"):
        ClutterSpec().key("test", 0)
    with pytest.raises(ValueError, match="index -1"):
        ClutterSpec().key("train", -1)
