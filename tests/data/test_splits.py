"""What each split shows, and what training never does."""

import dataclasses
import functools
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from futurepred_jax.data.looks import HUES, held_out
from futurepred_jax.data.probes import JUMP
from futurepred_jax.data.render import render
from futurepred_jax.data.scene import ROLES, SHAPES
from futurepred_jax.data.scene_generation import make_cast, make_scene
from futurepred_jax.data.spec import TWIN, ClutterSpec, in_split
from futurepred_jax.data.splits import CLUTTERED
from futurepred_jax.data.trajectories import FAMILIES

SPEC = ClutterSpec(size=32, level="moderate")
COUNT = 6


@functools.cache
def scenes(split, spec=SPEC, count=COUNT):
    return [make_scene(spec, split, index) for index in range(count)]


def of(scene, role):
    return np.flatnonzero(scene.exists & (scene.role == ROLES.index(role)))


def names(scene, field, table, role="target"):
    return {tuple(table)[i] for i in getattr(scene, field)[of(scene, role)]}


def counts(split, scenes):
    program = Path(__file__).with_name("count_pairs.py")
    done = subprocess.run([sys.executable, program, split, str(scenes)], check=True, capture_output=True, text=True)
    return {name: np.array(table) for name, table in json.loads(done.stdout).items()}


def test_ten_thousand_training_scenes_have_no_held_out_pair_and_test_comp_has_nothing_else():
    shape = np.arange(4)[:, None]
    colour = held_out(shape, np.arange(len(HUES)), np.array(0))
    motion = held_out(shape, np.array(-1), np.arange(len(FAMILIES)))
    train, comp = counts("train", 10_000), counts("test_comp", 1_500)
    assert train["colours"].sum() > 35_000
    assert train["colours"][colour].sum() == train["motions"][motion].sum() == 0
    assert train["colours"][~colour].min() > 500
    seen = ~motion & ~np.isin(tuple(FAMILIES), ("spiral", "lissajous"))
    assert train["motions"][seen].min() > 100
    assert comp["colours"][colour].min() > 100
    assert comp["motions"][motion & seen.any(axis=0)].min() > 10


def test_every_target_of_test_comp_has_a_held_out_pair():
    for index in range(40):
        cast = make_cast(SPEC, "test_comp", index)
        target = cast.role == 0
        assert held_out(cast.shape, cast.hue, cast.family)[target].all()


def test_names_say_what_is_new():
    for scene in scenes("test_shape"):
        assert names(scene, "shape", SHAPES) <= {"ellipsoid", "frustum", "dome"}
    for scene in scenes("test_traj"):
        assert names(scene, "family", FAMILIES) <= {"spiral", "lissajous"}
    for scene in scenes("test_count"):
        assert 8 <= len(of(scene, "target")) + 12 * scene.flagged <= 24
    for scene in scenes("train"):
        assert names(scene, "shape", SHAPES) <= {"sphere", "cube", "cylinder", "cone"}
        assert not names(scene, "family", FAMILIES) & {"spiral", "lissajous"}


def test_targets_find_a_place_in_long_clips_too():
    spec = dataclasses.replace(SPEC, frames=49, families=tuple(FAMILIES)[:12])
    for split in ("test_iid", "test_speed", "test_long"):
        assert not any(scene.flagged for scene in scenes(split, spec))


def test_speed_goes_beyond_training():
    def speed(split):
        still = [scene.velocity[:, of(scene, "target")] for scene in scenes(split, count=16)]
        return np.mean(np.concatenate([np.linalg.norm(v, axis=-1).ravel() for v in still]))

    assert 1.3 < speed("test_speed") / speed("test_iid") < 2.2


def test_gravity_is_below_that_of_training():
    for scene in scenes("test_gravity"):
        pull = -np.diff(scene.velocity[:, of(scene, "target"), 2], axis=0) * 6
        assert 1.49 < np.median(pull) < 3.01


def test_the_camera_approaches_or_recedes():
    for scene in scenes("test_camera"):
        distance = np.linalg.norm(scene.camera.eye - scene.camera.target, axis=-1)
        assert np.ptp(distance) > 0
        assert np.ptp(scenes("test_iid")[0].camera.eye, axis=0).max() == 0


def test_long_clips_go_on_as_training_clips_begin():
    for scene in scenes("test_long"):
        assert len(scene.position) == 41
        assert scene.context == 9


@pytest.mark.parametrize(
    ("split", "role"), [("test_clutter_transient", "transient"), ("test_clutter_persistent", "persistent")]
)
def test_a_split_of_one_kind_of_clutter_has_no_other(split, role):
    present = {kind for scene in scenes(split) for kind in ROLES if len(of(scene, kind))}
    assert present == {"target", role}
    assert {float(scene.noise.sigma) for scene in scenes(split)} == {0}


def test_mixed_clutter_is_all_there_is():
    mixed = scenes("test_clutter_mixed", count=16)
    assert {kind for scene in mixed for kind in ROLES if len(of(scene, kind))} == set(ROLES)
    assert min(scene.noise.sigma for scene in mixed) > 0
    assert all(np.ptp(scene.camera.target, axis=0).min() > 0 for scene in mixed)
    assert len({scene.background.ground_pattern for scene in mixed}) > 1
    assert {bool(np.ptp(scene.background.offset, axis=0).any()) for scene in mixed} == {True, False}
    noisy = scenes("test_clutter_noise")
    assert {kind for scene in noisy for kind in ROLES if len(of(scene, kind))} == {"target"}


@pytest.mark.parametrize("split", CLUTTERED)
def test_twins_have_the_same_targets_and_nothing_else(split):
    for scene, twin in zip(scenes(split)[:4], scenes(split + TWIN, count=4), strict=True):
        slots = of(scene, "target")
        np.testing.assert_array_equal(of(twin, "target"), slots)
        assert twin.exists.sum() == len(slots)
        for name in ("position", "rotation", "velocity"):
            np.testing.assert_array_equal(getattr(twin, name)[:, slots], getattr(scene, name)[:, slots])
        for name in ("rgb", "shape", "size"):
            np.testing.assert_array_equal(getattr(twin, name)[slots], getattr(scene, name)[slots])
        assert twin.noise.sigma == 0
        assert twin.background.ground_pattern == 0
        assert np.ptp(twin.camera.target, axis=0).max() == 0


def test_occlusion_hides_a_target_for_two_to_six_frames_across_the_border():
    shapes = set()
    for scene in scenes("test_occlusion"):
        drawn = render(scene, size=32)
        assert not scene.flagged
        (slot,) = np.flatnonzero(scene.hidden.any(axis=0))
        hidden = scene.hidden[:, slot]
        assert 2 <= hidden.sum() <= 6
        assert hidden[8]
        assert hidden[9]
        assert not drawn.visible_px[hidden, slot].any()
        assert drawn.amodal_px[hidden, slot].min() > 0
        when = np.flatnonzero(hidden)
        assert drawn.amodal_px[: when[0], slot].any()
        assert drawn.amodal_px[when[-1] + 1 :, slot].any()
        shapes |= names(scene, "shape", SHAPES, "occluder")
    assert shapes == {"cylinder", "cube"}


def test_probes_are_pairs_that_part_behind_the_occluder():
    first = []
    for pair in range(4):
        clips = [make_scene(SPEC, "probe_permanence", 2 * pair + i) for i in range(2)]
        assert sorted(scene.possible for scene in clips) == [False, True]
        first.append(clips[0].possible)
        good, bad = sorted(clips, key=lambda scene: not scene.possible)
        one, two = render(good, size=32), render(bad, size=32)
        np.testing.assert_array_equal(one.video[:9], two.video[:9])
        assert (one.instance[9:] != two.instance[9:]).any() or (one.video[9:] != two.video[9:]).any()
        for scene, drawn in ((good, one), (bad, two)):
            assert not drawn.visible_px[scene.hidden].any()
            assert scene.alive[scene.hidden].all()
        slot = int(good.hidden.any(axis=0).argmax())
        gone = bad.alive[9:, slot].sum() == 0
        moved = np.linalg.norm((bad.position - good.position)[9:, slot], axis=-1)
        assert gone or moved == pytest.approx(JUMP)
        assert not (bad.position - good.position)[:9].any() or bad.exists.sum() > good.exists.sum()
    assert len(set(first)) == 2, "the order tells nothing"


def test_an_object_that_comes_out_as_another_has_a_slot_among_those_that_are_scored():
    spec = in_split(SPEC, "probe_permanence")
    targets = [len(of(scene, "target")) for scene in scenes("probe_permanence", count=24)]
    assert max(targets) == spec.most_targets == spec.objects[1] + 1


def test_scenes_that_are_drawn_again_have_no_cast_alone():
    with pytest.raises(ValueError, match="use make_scene"):
        make_cast(SPEC, "test_occlusion", 0)
    cast, scene = make_cast(SPEC, "test_iid", 3), make_scene(SPEC, "test_iid", 3)
    np.testing.assert_array_equal(cast.hue[cast.role == 0], scene.hue[of(scene, "target")])
