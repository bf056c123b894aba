"""Labels against what is computed from other labels, by other means."""

import dataclasses
import functools

import numpy as np
import pytest
from hand_scene import camera_at, crowd, scene_of, thing

from futurepred_jax.data.labels import FIELDS, labels
from futurepred_jax.data.render import render
from futurepred_jax.data.scene_generation import make_scene
from futurepred_jax.data.spec import ClutterSpec, Intensities
from futurepred_jax.data.trajectories import FAMILIES

MOVING = ClutterSpec(size=48, level="mixed", camera="orbit", rotation="tumble", occluders=("pillar", "curtain"))
BALLS = ClutterSpec(size=32, level="clean", families=("collisions",), static_share=0.0, objects=(5, 6))
DROPS = ClutterSpec(size=32, level="clean", families=("ballistic",), static_share=0.0)


@functools.cache
def clip(spec=MOVING, index=0, split="train"):
    scene = make_scene(spec, split, index)
    return labels(scene, render(scene, size=spec.size), FIELDS)


def backprojected(c, t, y, x):
    """World points that pixels show, by the camera's labels."""
    ray = np.stack([x, y, np.ones_like(x)], axis=-1) @ np.linalg.inv(c["camera_intrinsics"]).T
    return (ray * c["depth"][t, y, x, None] - c["camera_translation"][t]) @ c["camera_rotation"][t]


def projected(c, t, points):
    image = (points @ c["camera_rotation"][t].T + c["camera_translation"][t]) @ c["camera_intrinsics"].T
    return image[..., :2] / image[..., 2:]


@pytest.mark.parametrize("index", [0, 1])
def test_flow_is_where_each_point_of_a_surface_projects_next(index):
    c = clip(index=index)
    for t in range(0, 16, 3):
        for slot in np.flatnonzero(c["visible_px"][t] > 0):
            y, x = np.nonzero(c["instance"][t] == slot + 1)
            local = (backprojected(c, t, y, x) - c["position"][t, slot]) @ c["rotation"][t, slot]
            later = local @ c["rotation"][t + 1, slot].T + c["position"][t + 1, slot]
            np.testing.assert_allclose(
                c["flow"][t, y, x], projected(c, t + 1, later) - np.stack([x, y], axis=-1), atol=2e-3
            )
    assert not c["flow"][-1].any()
    assert np.abs(c["flow"][:-1]).max() > 1


def test_flow_leads_to_the_same_object_in_the_next_picture():
    c = clip()
    right = total = 0
    for t in range(16):
        y, x = np.nonzero(c["instance"][t])
        to = np.rint(np.stack([y, x], axis=-1) + c["flow"][t, y, x, ::-1]).astype(int)
        inside = ((to >= 0) & (to < 48)).all(axis=-1) & c["alive"][t + 1, c["instance"][t, y, x] - 1]
        right += (c["instance"][t + 1, to[inside, 0], to[inside, 1]] == c["instance"][t, y, x][inside]).sum()
        total += inside.sum()
    assert right / total > 0.85  # the rest is at edges, or covered


def test_flow_of_the_floor_follows_its_pattern():
    scene = scene_of(frames=2, eye=(0.0, -3.0, 9.0), kind=1)
    still = labels(scene, render(scene, size=64), ("flow",))["flow"]
    assert np.abs(still).max() < 1e-4
    offset = np.array([[0, 0], [0.3, 0.0]])
    moved = dataclasses.replace(scene, background=dataclasses.replace(scene.background, offset=offset))
    drawn = render(moved, size=64)
    flow = labels(moved, drawn, ("flow",))["flow"][0, 30:]
    y, x = np.meshgrid(np.arange(flow.shape[0]), np.arange(flow.shape[1]), indexing="ij")
    to = np.rint(x + flow[..., 0]).astype(int)
    inside = (to >= 0) & (np.abs(flow[..., 1]) < 0.5)
    before, after = drawn.video[0, 30:, :, 0].astype(int), drawn.video[1, 30:, :, 0].astype(int)
    assert flow[..., 0].max() < -1
    moved_with, stayed = (np.abs(after[y[inside], u[inside]] - before[inside]).mean() for u in (to, x))
    assert moved_with < 0.4 * stayed


def test_flow_of_the_sky_is_the_cameras_turn():
    eyes = camera_at((0.0, -8.0, 1.0), frames=2)
    eyes.target[1] = [1.0, 0.0, 1.0]
    scene = dataclasses.replace(scene_of(frames=2, eye=(0.0, -8.0, 1.0)), camera=eyes)
    drawn = render(scene, size=33)
    flow = labels(scene, drawn, ("flow",))["flow"][0]
    assert np.isinf(drawn.depth[0, 0, 16])
    focal = 33 / 2 / np.tan(np.radians(21))
    assert flow[15, 16, 0] == pytest.approx(-focal / 8, rel=0.01)


def test_masks_show_the_nearest_surface():
    c = clip(index=1)
    radius = np.linalg.norm(c["size"], axis=-1)
    for t in range(0, 17, 4):
        for slot in np.flatnonzero(c["visible_px"][t] > 0):
            y, x = np.nonzero(c["instance"][t] == slot + 1)
            away = np.linalg.norm(backprojected(c, t, y, x) - c["position"][t, slot], axis=-1)
            assert away.max() <= radius[slot] + 1e-3, "the depth of a mask is that of its object"
    assert (c["amodal_px"] >= c["visible_px"]).all()


def test_boxes_enclose_the_visible_pixels():
    c = clip()
    for t, slot in np.argwhere(c["visible_px"] > 0).tolist():
        y, x = np.nonzero(c["instance"][t] == slot + 1)
        assert c["box"][t, slot].tolist() == [x.min(), y.min(), x.max() + 1, y.max() + 1]
    assert not c["box"][c["visible_px"] == 0].any()


def test_centres_are_positions_seen_by_the_camera():
    c = clip()
    used = c["exists"]
    for t in (0, 8, 16):
        np.testing.assert_allclose(projected(c, t, c["position"][t, used]), c["centre"][t, used], atol=1e-2)


@pytest.mark.parametrize("spec", [MOVING, dataclasses.replace(MOVING, tempo=(2.0, 2.0), level="clean")])
def test_velocities_are_what_moves_the_positions(spec):
    c = clip(spec)
    smooth = c["exists"] & ~c["bounce"].any(axis=0)
    moved = np.diff(c["position"][:, smooth], axis=0) * 6
    mean = (c["velocity"][1:, smooth] + c["velocity"][:-1, smooth]) / 2
    np.testing.assert_allclose(moved, mean, atol=0.15)
    assert np.abs(mean).max() > 0.3


def test_balls_collide_in_pairs_that_touch_and_bounce_off_the_floor():
    found = 0
    for index in range(6):
        c = clip(BALLS, index)
        assert set(c["family"][c["exists"]]) == {tuple(FAMILIES).index("collisions")}
        for t, slot in np.argwhere(c["collision"] >= 0):
            other = c["collision"][t, slot]
            gap = np.linalg.norm(c["position"][t, slot] - c["position"][t, other])
            found += 1
            assert gap < c["size"][slot, 2] + c["size"][other, 2] + 1.2, "at most a frame's way apart again"
            assert np.abs(c["velocity"][t, slot] - c["velocity"][t - 1, slot]).max() > 0.01
        assert c["bounce"].any()
        assert (c["collision"][:, ~c["exists"]] == -1).all()
    assert found > 4


def test_energy_is_conserved_between_bounces():
    for index in range(4):
        scene = make_scene(DROPS, "train", index)
        used = np.flatnonzero(scene.exists)
        fall = scene.velocity[:, used, 2]
        calm = ~scene.bounce[1:, used]
        pull = np.diff(fall, axis=0) * 6
        for i in range(len(used)):
            steps = np.flatnonzero(calm[:, i] & (pull[:, i] < -1))
            gravity = -np.median(pull[steps, i])
            energy = gravity * scene.position[:, used[i], 2] + fall[:, i] ** 2 / 2
            np.testing.assert_allclose(energy[steps + 1], energy[steps], rtol=1e-4)
            lost = np.flatnonzero(~calm[:, i])
            assert (energy[lost + 1] < energy[lost]).all()


def test_overlap_is_of_objects_whose_cores_meet():
    scene = crowd(count=3, frames=2)
    scene.position[0, 1] = scene.position[0, 0] + [0.01, 0, 0]
    scene.position[1] = [[0, 0, 1], [2, 0, 1], [-2, 0, 1]]
    scene.position[0, 2] = [2, 2, 1]
    found = labels(scene, render(scene, size=16), ("overlap",))["overlap"]
    assert found.tolist() == [[True, True, False], [False, False, False]]
    apart = dataclasses.replace(scene, alive=np.array([[True, False, True]] * 2))
    assert not labels(apart, render(apart, size=16), ("overlap",))["overlap"].any()


def test_only_what_the_context_has_shown_is_predictable():
    spec = ClutterSpec(size=32, level=Intensities(transient=1.0), families=("straight", "random_walk"))
    surprises = 0
    for index in range(4):
        c = clip(spec, index)
        walk = c["family"] == tuple(FAMILIES).index("random_walk")
        late = ~c["alive"][:9].any(axis=0)
        assert c["predictable"][:9].all()
        for t in range(9, 17):
            shown = c["instance"][t]
            expected = (shown == 0) | ~(walk | late)[np.maximum(shown, 1) - 1]
            np.testing.assert_array_equal(c["predictable"][t], expected)
            surprises += (~expected).sum()
    assert surprises > 100


def test_a_single_object_tells_all_its_labels():
    scene = scene_of(thing("cube", at=(0.5, 0.0, 1.0)), frames=2)
    truth = labels(scene, render(scene, size=32), FIELDS)
    np.testing.assert_allclose(truth["position"][0, 0], [0.5, 0, 1])
    assert truth["shape"].tolist() == [1]
    assert truth["noise"].tolist() == [0, 0, 0, 0]
    assert truth["possible"]
    assert not truth["flagged"]
    assert truth["depth"][0][truth["instance"][0] > 0].max() < 8.5
