import numpy as np
import pytest
from hand_scene import scene_of, thing

from futurepred_jax.data import camera, tracing
from futurepred_jax.data.render import LIGHT, bodies_of
from futurepred_jax.data.scene import SHAPES
from futurepred_jax.data.shapes import QUADRICS, bounding_radius


def inside(points, quadric):
    a, b, c, d = quadric
    x, y, z = np.moveaxis(points, -1, 0)
    return (a * (x**2 + y**2) + b * z**2 + c * z + d <= 0) & (np.abs(points).max(-1) <= 1)


@pytest.mark.parametrize("shape", range(len(SHAPES)), ids=SHAPES)
def test_rays_meet_the_solid_where_it_begins(shape):
    generator = np.random.default_rng(shape)
    quadric = tuple(QUADRICS[shape])
    steps = np.linspace(0.06, 12, 6000)
    hits = 0
    for _ in range(300):
        origin = generator.normal(size=3)
        origin *= 5 / np.linalg.norm(origin)
        ray = generator.uniform(-0.9, 0.9, 3) - origin
        ray /= np.linalg.norm(ray)
        reach, _ = tracing.intersect(tuple(origin), tuple(ray), quadric)
        within = inside(origin + steps[:, None] * ray, quadric)
        assert np.isfinite(reach) or within.sum() <= 1
        if np.isfinite(reach):
            hits += 1
            assert not within[steps < reach - 1e-9].any()
            assert within.sum() <= 2 or abs(steps[within][0] - reach) < 3e-3
    assert hits > 100


@pytest.mark.parametrize("direction", [(0.0, 0.0, -1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0)])
@pytest.mark.parametrize("shape", range(len(SHAPES)), ids=SHAPES)
def test_rays_along_the_axes(shape, direction):
    origin = tuple(-4.0 * np.array(direction))
    reach, _ = tracing.intersect(origin, direction, tuple(QUADRICS[shape]))
    narrow = {"cone": 0.5, "frustum": 0.75, "dome": np.sqrt(0.75)}  # at half their height
    radius = narrow.get(SHAPES[shape], 1.0) if direction[2] == 0 else 1.0
    assert reach == pytest.approx(4 - radius)


def test_a_solid_around_or_behind_the_eye_is_not_seen():
    sphere = tuple(QUADRICS[0])
    assert tracing.intersect((0.0, 0.0, 0.0), (1.0, 0.0, 0.0), sphere)[0] == np.inf
    assert tracing.intersect((3.0, 0.0, 0.0), (1.0, 0.0, 0.0), sphere)[0] == np.inf


def brightness(body, local, direction, face):
    scene = scene_of(body)
    bodies = bodies_of(scene, camera.pose(scene.camera, 32), 32)
    return tracing.brightness(local, direction, face, bodies[0])


def test_brightness_is_lamberts():
    top = brightness(thing("cube"), (0.0, 0.0, 1.0), (0.1, 0.2, -1.0), 2)
    assert top == pytest.approx(0.32 + 0.68 * LIGHT[2])
    towards = brightness(thing("sphere"), tuple(LIGHT), tuple(-LIGHT), tracing.QUADRIC)
    assert towards == pytest.approx(1)
    away = brightness(thing("sphere"), tuple(-LIGHT), tuple(LIGHT), tracing.QUADRIC)
    assert away == pytest.approx(0.32)


def test_normals_of_a_stretched_and_turned_sphere():
    size, turn = np.array([0.3, 0.6, 0.9]), 0.7
    local = np.array([0.6, 0.48, 0.64])
    rotation = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    normal = rotation @ (local / size)  # gradient of Σ (x / size)²
    expected = 0.32 + 0.68 * max(0.0, normal @ LIGHT / np.linalg.norm(normal))
    assert brightness(thing("sphere", size=size, turn=turn), tuple(local), (0.0, 0.0, -1.0), 3) == pytest.approx(
        expected
    )


def test_bounding_radius_reaches_the_farthest_point():
    size = np.array([[0.3, 0.4, 0.5]] * 4)
    np.testing.assert_allclose(
        bounding_radius(np.arange(4), size), [0.5, np.sqrt(0.5), np.hypot(0.4, 0.5), np.hypot(0.4, 0.5)]
    )


@pytest.mark.parametrize(("shape", "size", "rule"), [(7, 0.5, "must point into"), (0, 0.0, "must be positive")])
def test_impossible_solids_are_refused(shape, size, rule):
    with pytest.raises(ValueError, match=rule):
        bounding_radius(np.array([shape]), np.full((1, 3), size))
