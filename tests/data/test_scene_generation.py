import dataclasses
import functools

import numpy as np
import pytest

from futurepred_jax.data.camera import pose, project
from futurepred_jax.data.cast import RADIUS
from futurepred_jax.data.looks import HUES
from futurepred_jax.data.scene import ROLES
from futurepred_jax.data.scene_generation import make_scene
from futurepred_jax.data.shapes import HALF_EXTENTS
from futurepred_jax.data.spec import SPLITS, TWIN, ClutterSpec
from futurepred_jax.data.trajectories import FAMILIES

LEVELS = ("clean", "minimal", "moderate", "heavy")
ROLE = {name: number for number, name in enumerate(ROLES)}


@functools.cache
def scenes(level="moderate", count=40, split="train", **fields):
    spec = ClutterSpec(level=level, **fields)
    return [make_scene(spec, split, index) for index in range(count)]


OF_FRAMES = ("position", "velocity", "rotation", "alive", "bounce", "collision")
OF_OBJECTS = ("size", "shape", "rgb", "hue", "role", "family", "exists")


def leaves(scene, only=slice(None)):
    """All arrays and numbers of a scene, or those of its objects in some slots."""
    if only != slice(None):
        yield from (getattr(scene, name)[:, only] for name in OF_FRAMES)
        yield from (getattr(scene, name)[only] for name in OF_OBJECTS)
        return
    for field in dataclasses.fields(scene):
        value = getattr(scene, field.name)
        yield from leaves(value) if dataclasses.is_dataclass(value) else [np.asarray(value)]


def same(one, other, only=slice(None)):
    return all(np.array_equal(a, b) for a, b in zip(leaves(one, only), leaves(other, only), strict=True))


def of(scene, role):
    return scene.exists & (scene.role == ROLE[role])


def chroma(rgb):
    return rgb / rgb.sum(-1, keepdims=True)


def test_same_index_same_bits_in_any_order():
    spec = ClutterSpec(level="heavy", background="any", camera="orbit")
    forward = {i: make_scene(spec, "train", i) for i in range(6)}
    backward = {i: make_scene(spec, "train", i) for i in reversed(range(6))}
    assert all(same(forward[i], backward[i]) for i in forward)
    assert not any(same(forward[i], forward[i + 1]) for i in range(5))


def test_splits_and_seeds_give_other_scenes():
    names = [name for name in SPLITS if not name.endswith(TWIN)]
    first = [make_scene(ClutterSpec(), split, 0) for split in names] + [make_scene(ClutterSpec(seed=1), "train", 0)]
    starts = [scene.position[0, 0] for scene in first]
    assert len(np.unique(starts, axis=0)) == len(starts)
    assert same(make_scene(ClutterSpec(seed=1), "test_iid", 0), first[2])


def test_clutter_does_not_change_the_targets():
    for clean, *cluttered in zip(*(scenes(level) for level in LEVELS), strict=True):
        assert all(same(clean, twin, slice(0, 12)) for twin in cluttered)


def test_longer_and_larger_clips_have_the_same_looks():
    one, other = (
        make_scene(ClutterSpec(frames=frames, size=size), "train", 3) for frames, size in ((17, 64), (49, 32))
    )
    np.testing.assert_array_equal(one.hue[:12], other.hue[:12])
    np.testing.assert_array_equal(one.size[:12], other.size[:12])


def test_levels_order_the_clutter():
    kinds = {role: [np.mean([of(s, role).sum() for s in scenes(level)]) for level in LEVELS] for role in ROLES}
    assert len(set(kinds["target"])) == 1
    for role in ("persistent", "transient"):
        assert kinds[role][0] == 0
        assert np.all(np.diff(kinds[role]) > 0.5)
    np.testing.assert_allclose(kinds["persistent"], [0, 0.8, 2, 4], atol=0.8)
    for field in ("sigma", "salt", "flicker", "dropped"):
        amounts = [np.mean([getattr(s.noise, field) for s in scenes(level)]) for level in LEVELS]
        assert amounts[0] == 0
        assert np.all(np.diff(amounts) > 0)
    assert max(s.noise.sigma for s in scenes("heavy")) <= 0.08


def test_transients_live_one_to_six_frames_in_a_row_and_at_most_five_at_once():
    for scene in scenes("heavy"):
        lives = scene.alive[:, of(scene, "transient")]
        assert lives.sum(axis=1).max(initial=0) <= 5
        if lives.size:
            assert 1 <= lives.sum(axis=0).min() <= lives.sum(axis=0).max() <= 6
            assert (np.abs(np.diff(np.pad(lives, ((1, 1), (0, 0))).astype(int), axis=0)).sum(axis=0) == 2).all()


def test_flashes_occur_and_the_first_frame_is_as_full_as_any():
    lives = [scene.alive[:, of(scene, "transient")] for scene in scenes("heavy")]
    assert any((life.sum(axis=0) == 1).any() for life in lives)
    count = np.mean([life.sum(axis=1) for life in lives], axis=0)
    assert count[0] > 0.75 * count.mean()


def test_others_live_in_every_frame_and_empty_slots_in_none():
    for scene in scenes("heavy"):
        assert scene.alive[:, scene.exists & (scene.role != ROLE["transient"])].all()
        assert not scene.alive[:, ~scene.exists].any()


def test_number_of_targets_covers_its_range():
    counts = np.bincount([of(scene, "target").sum() for scene in scenes()], minlength=7)
    assert counts[:2].sum() == 0
    assert counts[2:].min() > 2
    assert {int(of(s, "target").sum()) for s in scenes(count=20, objects=(12, 12))} == {12}


def test_targets_take_the_first_slots_in_distinct_hues():
    for scene in scenes():
        target = of(scene, "target")
        number = target.sum()
        assert target[:number].all()
        assert len(np.unique(scene.hue[target])) == number
        np.testing.assert_array_equal(scene.rgb[target], HUES[scene.hue[target]])
        assert (scene.hue[~target] == -1).all()


@pytest.mark.parametrize("background", ["plain", "any"])
def test_clutter_ground_and_sky_keep_away_from_the_hues(background):
    for scene in scenes("heavy", 30, background=background):
        others = scene.rgb[scene.exists & (scene.role != ROLE["target"])]
        colours = np.concatenate([others, scene.background.ground_rgb, scene.background.sky_rgb])
        gap = np.linalg.norm(chroma(colours)[:, None] - chroma(HUES), axis=-1)
        assert gap.min() > 0.15


def test_all_families_occur_and_few_targets_stand_still():
    family = np.concatenate([scene.family[of(scene, "target")] for scene in scenes("clean", 200)])
    share = np.bincount(family) / len(family)
    assert len(share) == len(ClutterSpec().families)
    assert 0.03 < share[0] <= 0.1
    assert share[1:].min() > 0.07
    moved = [np.ptp(scene.position, axis=0).max(-1)[of(scene, "target")] for scene in scenes("clean", 200)]
    assert (np.concatenate(moved) == 0).mean() == share[0]


def test_only_the_named_families_occur():
    chosen = scenes(count=40, families=("loop", "straight"), static_share=0.1)
    family = {int(f) for s in chosen for f in s.family[of(s, "target")]}
    assert family == {tuple(FAMILIES).index("loop"), tuple(FAMILIES).index("straight")}


@pytest.mark.parametrize("camera", ["static", "orbit"])
def test_targets_are_in_view_for_most_of_the_frames(camera):
    for scene in scenes(count=40, camera=camera):
        pixel = project(pose(scene.camera, 64), scene.position[:, of(scene, "target")]).pixel
        inside = ((pixel >= -0.5) & (pixel <= 63.5)).all(-1)
        assert inside.mean(axis=0).min() >= 0.7


def test_objects_start_outside_one_another():
    for scene in scenes("heavy"):
        radius = scene.size.min(axis=1)
        for i in np.flatnonzero(scene.exists & (scene.role != ROLE["occluder"])):
            birth = scene.alive[:, i].argmax()
            there = scene.alive[birth] & (scene.role != ROLE["occluder"]) & (np.arange(48) < i)
            gap = np.linalg.norm(scene.position[birth, there] - scene.position[birth, i], axis=-1)
            assert (gap > radius[there] + radius[i]).all()


def test_objects_stay_above_the_floor():
    for scene in scenes("heavy"):
        bottom = scene.position[..., 2] - scene.size[:, 2]
        assert bottom[scene.alive].min() >= -1e-5


def test_sizes_are_those_of_the_radii():
    for scene in scenes():
        used = of(scene, "target")
        radius = scene.size[used] / HALF_EXTENTS[scene.shape[used]]
        assert RADIUS[0] <= radius.min() <= radius.max() <= RADIUS[1]


def test_objects_turn_slowly_about_the_vertical():
    scene = scenes("heavy")[0]
    np.testing.assert_allclose(
        scene.rotation @ np.swapaxes(scene.rotation, -1, -2), np.eye(3)[None, None] + 0 * scene.rotation, atol=1e-12
    )
    np.testing.assert_array_equal(scene.rotation[..., 2, :], np.broadcast_to([0, 0, 1], (17, 48, 3)))
    yaw = np.unwrap(np.arctan2(scene.rotation[..., 1, 0], scene.rotation[..., 0, 0]), axis=0)
    assert 0.01 < np.abs(np.diff(yaw, axis=0)).max() * 6 <= 0.6


def test_plain_scenes_share_one_background_and_static_ones_one_camera():
    first, *others = scenes(count=20)
    np.testing.assert_allclose(np.linalg.norm(first.camera.eye - [0, 0, 1], axis=-1), 8.5)
    np.testing.assert_allclose(np.arcsin((first.camera.eye[:, 2] - 1) / 8.5), 0.45)
    assert first.background.ground_pattern == 0
    np.testing.assert_array_equal(*first.background.ground_rgb)
    for other in others:
        np.testing.assert_array_equal(other.camera.eye, first.camera.eye)
        np.testing.assert_array_equal(other.background.sky_rgb, first.background.sky_rgb)
        np.testing.assert_array_equal(other.background.ground_rgb, first.background.ground_rgb)


def test_orbits_move_level_within_their_ranges():
    for scene in scenes(count=40, camera="orbit"):
        offset = scene.camera.eye - [0, 0, 1]
        distance = np.linalg.norm(offset, axis=-1)
        assert 7 <= distance.min() <= distance.max() <= 10
        np.testing.assert_allclose(distance, distance[0])
        elevation = np.arcsin(offset[:, 2] / distance)
        assert 0.3 <= elevation.min() <= elevation.max() <= 0.6
        turn = np.unwrap(np.arctan2(offset[:, 1], offset[:, 0]))
        assert 0 < np.abs(np.diff(turn)).max() * 6 <= 0.15


def test_any_background_has_every_floor():
    assert {scene.background.ground_pattern for scene in scenes(count=40, background="any")} == {0, 1, 2, 3}


def test_short_clips_keep_turns_at_a_natural_speed():
    for scene in scenes(count=40, frames=9, families=("loop",)):
        speed = np.linalg.norm(np.diff(scene.position[:, of(scene, "target")], axis=0), axis=-1) * 6
        assert speed.max() < 3.1


def test_a_single_frame_is_a_scene():
    scene = make_scene(ClutterSpec(frames=1, level="heavy"), "train", 0)
    assert scene.position.shape == (1, 48, 3)
    assert of(scene, "target").sum() >= 2
