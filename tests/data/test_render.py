import dataclasses

import numpy as np
import pytest
from hand_scene import camera_at, crowd, ground, only, scene_of, thing

from futurepred_jax.data import background, camera
from futurepred_jax.data import render as rendering
from futurepred_jax.data.render import LIGHT, render
from futurepred_jax.data.scene import GROUND_PATTERNS


def outline(pose, centre, radius):
    """Area and centre, in pixels, of a sphere's projection: the conic (d·c)² >= |d|² (|c|² − r²)."""
    c = pose.rotation[0] @ np.array(centre) + pose.translation[0]
    conic = (c @ c - radius**2) * np.eye(3) - np.outer(c, c)
    shape, side = conic[:2, :2], conic[:2, 2]
    middle = -np.linalg.solve(shape, side)
    area = np.pi * (side @ np.linalg.solve(shape, side) - conic[2, 2]) / np.sqrt(np.linalg.det(shape))
    return area * pose.focal**2, middle * pose.focal + pose.principal


@pytest.mark.parametrize("at", [(0.0, 0.0, 1.0), (1.6, 0.5, 2.4), (-1.2, -3.0, 0.7)])
def test_sphere_has_the_area_and_centre_of_its_projection(at):
    scene = scene_of(thing(at=at, size=0.6))
    drawn = render(scene, size=256)
    area, middle = outline(camera.pose(scene.camera, 256), at, 0.6)
    y, x = np.nonzero(drawn.instance[0])
    assert len(x) == pytest.approx(area, rel=0.01)
    np.testing.assert_allclose([x.mean(), y.mean()], middle, atol=0.1)
    expected = camera.project(camera.pose(scene.camera, 256), np.array([[at]])).pixel[0, 0]
    np.testing.assert_allclose(drawn.centre[0, 0], expected, rtol=1e-6)
    assert drawn.visible_px[0, 0] == drawn.amodal_px[0, 0] == len(x)


def test_depth_along_the_optical_axis():
    scene = scene_of(thing(at=(0, 0, 1), size=0.5), eye=(0.0, -8.0, 1.0))
    depth = render(scene, size=65).depth[0]
    assert depth[32, 32] == pytest.approx(7.5)
    assert depth[0, 0] == np.inf
    y = 60
    below = (y - 32) / (65 / 2 / np.tan(np.radians(21)))
    assert depth[y, 0] == pytest.approx(1.0 / below, rel=1e-5)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_nearer_object_hides_the_farther(order):
    things = [thing(at=(0, -2, 1), rgb=(0, 1, 0)), thing(at=(0, 1, 1), size=0.6, rgb=(1, 0, 0))]
    scene = scene_of(*[things[i] for i in order], eye=(0.0, -8.0, 1.0))
    drawn = render(scene, size=65)
    near, far = order.index(0), order.index(1)
    assert drawn.instance[0, 32, 32] == near + 1
    assert drawn.video[0, 32, 32, 1] > 80 > drawn.video[0, 32, 32, 0]
    assert drawn.visible_px[0, near] == drawn.amodal_px[0, near]
    assert drawn.visible_px[0, far] < 0.5 * drawn.amodal_px[0, far]


def test_amodal_pixels_are_those_of_the_object_alone():
    scene = crowd()
    drawn = render(scene, size=64)
    assert np.all(drawn.amodal_px >= drawn.visible_px)
    assert np.any(drawn.amodal_px > drawn.visible_px)
    for slot in range(len(scene.exists)):
        alone = render(only(scene, slot), size=64)
        np.testing.assert_array_equal(alone.visible_px[:, slot], drawn.amodal_px[:, slot])
        np.testing.assert_array_equal(drawn.visible_px[:, slot], (drawn.instance == slot + 1).sum((1, 2)))


def test_instances_are_what_each_object_alone_shows_where_nothing_hides_it():
    scene = crowd(3)
    drawn = render(scene, size=64)
    alone = np.stack([render(only(scene, slot), size=64).instance > 0 for slot in range(len(scene.exists))])
    np.testing.assert_array_equal(drawn.instance > 0, alone.any(0))
    single = alone.sum(0) == 1
    np.testing.assert_array_equal(drawn.instance[single], alone.argmax(0)[single] + 1)
    for slot, mask in enumerate(alone):
        assert not np.any((drawn.instance == slot + 1) & ~mask)


@pytest.mark.parametrize("seed", range(3))
def test_windows_change_nothing(monkeypatch, seed):
    scene = crowd(seed, kind=1)
    windowed = render(scene, size=48)
    monkeypatch.setattr(camera, "windows", lambda _, centre, *__: np.tile([0, 48, 0, 48], (len(centre), 1)))
    dense = render(scene, size=48)
    for field in dataclasses.fields(dense):
        np.testing.assert_array_equal(getattr(windowed, field.name), getattr(dense, field.name))


def test_object_cut_by_the_frame_is_drawn_to_the_edge():
    scene = scene_of(thing(at=(3.0, 0, 1), size=0.7), eye=(0.0, -8.0, 1.0))
    drawn = render(scene, size=64)
    assert np.any(drawn.instance[0, :, -1])
    assert not np.any(drawn.instance[0, :, :50])
    assert drawn.visible_px[0, 0] == (drawn.instance > 0).sum()


def test_samples_soften_edges_and_leave_masks_alone():
    scene = scene_of(thing("sphere", rgb=(1, 1, 1)), eye=(0.0, -8.0, 1.0))
    coarse, fine, truth = (render(scene, size=48, samples=n) for n in (1, 2, 12))
    np.testing.assert_array_equal(coarse.instance, truth.instance)
    np.testing.assert_array_equal(coarse.depth, truth.depth)
    error = [np.abs(each.video - truth.video.astype(float)).mean() for each in (coarse, fine)]
    assert error[1] < 0.6 * error[0]
    edge = (fine.video != coarse.video).any(-1)[0]
    y, x = np.nonzero(edge & (truth.instance[0] > 0))
    border = np.hypot(x - 23.5, y - 23.5)
    assert np.median(border) > 0.8 * border.max()


def test_a_cube_shows_flat_faces_of_the_right_brightness():
    scene = scene_of(thing("cube", at=(0, 0, 0.5), rgb=(0.8, 0.4, 0.2)), eye=(0.0, -6.0, 4.0))
    drawn = render(scene, size=128)
    y, x = np.round(camera.project(camera.pose(scene.camera, 128), np.array([[[0, 0, 1.0]]])).pixel[0, 0, ::-1]).astype(
        int
    )
    top = (0.32 + 0.68 * LIGHT[2]) * np.array([0.8, 0.4, 0.2]) * 255
    np.testing.assert_allclose(drawn.video[0, y, x], top, atol=0.51)
    front = (0.32 + 0.68 * -LIGHT[1]) * np.array([0.8, 0.4, 0.2]) * 255
    y, x = np.round(
        camera.project(camera.pose(scene.camera, 128), np.array([[[0, -0.5, 0.4]]])).pixel[0, 0, ::-1]
    ).astype(int)
    np.testing.assert_allclose(drawn.video[0, y, x], front, atol=0.51)


def test_a_cone_stands_on_its_base():
    widths = (render(scene_of(thing("cone")), size=96).instance[0] > 0).sum(1)
    rows = np.nonzero(widths)[0]
    top, bottom = widths[rows[1]], widths[rows[-6]]
    assert top <= 3
    assert bottom > 8 * max(top, 1) / 3


def darkening(at):
    """Share of light that the floor loses, [h w], the picture, and where in it the light through the object arrives."""
    scene = scene_of(thing(at=at))
    shaded, bare = (render(s, size=128).video[0].astype(float).sum(-1) for s in (scene, only(scene, -1)))
    spot = np.array(at) - LIGHT * at[2] / LIGHT[2]
    return (
        1 - shaded / bare,
        render(scene, size=128),
        camera.project(camera.pose(scene.camera, 128), spot[None, None]).pixel[0, 0],
    )


@pytest.mark.parametrize("at", [(0.0, 0.0, 1.6), (1.0, 1.0, 2.2)])
def test_shadow_lies_on_the_floor_below_the_object(at):
    lost, drawn, (x, y) = darkening(at)
    floor = (drawn.instance[0] == 0) & np.isfinite(drawn.depth[0])
    lost = np.where(floor, lost, 0)
    assert 0.4 < lost[round(y), round(x)] < 0.6
    rows, columns = np.indices(lost.shape)
    assert np.sum(lost * columns) / lost.sum() == pytest.approx(x, abs=1.5)
    assert np.sum(lost * rows) / lost.sum() == pytest.approx(y, abs=3)  # the far half of a disc looks smaller
    assert y > drawn.centre[0, 0, 1] + 10
    assert np.all(lost[~floor] == 0)
    assert np.sum((lost > 0.02) & (lost < 0.4)) > 20, "the shadow has a soft border"


def test_shadow_is_softer_higher_up():
    def core(height):
        lost, drawn, _ = darkening((0.0, 0.0, height))
        lost = lost[(drawn.instance[0] == 0) & (lost > 0.02)]
        return np.mean(lost > 0.5)

    assert core(3.0) < 0.8 * core(0.9)


def test_what_is_below_the_floor_is_hidden():
    drawn = render(scene_of(thing(at=(0, 0, -1.0), size=0.5), thing(at=(0, 0, 0.0), size=0.5)), size=64)
    assert drawn.visible_px[0, 0] == 0
    assert 0 < drawn.visible_px[0, 1] < drawn.amodal_px[0, 1]


def test_dead_and_empty_slots_are_not_drawn():
    scene = scene_of(thing(), thing(at=(1, 0, 1)), frames=3)
    scene = dataclasses.replace(scene, alive=np.array([[True, False], [False, False], [True, True]]))
    drawn = render(scene, size=48)
    np.testing.assert_array_equal(drawn.visible_px > 0, scene.alive)
    bare = render(dataclasses.replace(scene, exists=np.zeros(2, bool)), size=48)
    np.testing.assert_array_equal(bare.video[0], drawn.video[1])


def test_backdrop_is_painted_once_a_pose(monkeypatch):
    painted = []
    paint = background.paint
    monkeypatch.setattr(background, "paint", lambda *args: (painted.append(1), paint(*args)))
    rendering._painted.cache_clear()
    still = crowd(frames=5)
    render(still, size=16)
    render(crowd(1, frames=5), size=16)
    assert len(painted) == 1
    eyes = camera_at((0.0, -8.0, 2.5), frames=5)
    eyes.eye[:, 0] = np.linspace(0, 1, 5)
    render(dataclasses.replace(still, camera=eyes), size=16)
    assert len(painted) == 1 + 4  # the first pose was known


def test_each_frame_has_its_own_pose():
    eyes = camera_at((0.0, -8.0, 2.5), frames=3)
    eyes.eye[:] = [[0, -8, 2.5], [6, -5, 2.5], [0, -8, 2.5]]
    scene = dataclasses.replace(crowd(frames=3, kind=1), camera=eyes)
    drawn = render(scene, size=32)
    np.testing.assert_array_equal(drawn.video[0], drawn.video[2])
    alone = render(dataclasses.replace(crowd(frames=1, kind=1), camera=camera_at((6, -5, 2.5))), size=32)
    np.testing.assert_array_equal(drawn.video[1], alone.video[0])
    assert np.any(drawn.video[0] != drawn.video[1])


@pytest.mark.parametrize(("kind", "colours"), [(0, 1), (1, 2), (2, 2), (3, 20)])
def test_floors(kind, colours):
    scene = dataclasses.replace(scene_of(eye=(0.0, -3.0, 9.0)), background=ground(kind))
    values = np.unique(render(scene, size=64, samples=1).video[0, 20:, :, 0])
    assert len(values) >= colours
    assert len(values) <= (colours if kind < 3 else 256), GROUND_PATTERNS[kind]


def test_plain_floor_has_its_colour_lit():
    scene = scene_of(eye=(0.0, -3.0, 9.0))
    lit = background.GROUND_LIGHT
    assert lit == pytest.approx(0.32 + 0.68 * LIGHT[2], abs=0.002)
    assert render(scene, size=16).video[0, -1, 8, 0] == round(0.6 * lit * 255)


def test_repeats_are_bit_equal():
    one, two = (render(crowd(5, kind=3), size=32) for _ in range(2))
    for field in dataclasses.fields(one):
        np.testing.assert_array_equal(getattr(one, field.name), getattr(two, field.name))


@pytest.mark.parametrize("wrong", [{"size": 0}, {"size": 16, "samples": 0}])
def test_sizes_are_checked(wrong):
    with pytest.raises(ValueError, match="at least 1"):
        render(scene_of(thing()), **wrong)


def test_eye_below_the_floor_is_refused():
    with pytest.raises(ValueError, match="below the ground"):
        render(scene_of(thing(), eye=(0.0, -8.0, -0.1)), size=16)
