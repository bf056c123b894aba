import numpy as np
import pytest

from futurepred_jax.data.camera import pose
from futurepred_jax.data.pillars import covered, crest, fit_pillar, needed_radius, span, whole_pillar
from futurepred_jax.data.scene import ROLES, SHAPES
from futurepred_jax.data.scene_generation import make_scene
from futurepred_jax.data.spec import ClutterSpec, in_split
from futurepred_jax.data.viewpoints import CAMERAS

SPEC = ClutterSpec(level="heavy")
VIEW = pose(CAMERAS["static"](SPEC.times, np.full(4, 0.5)), 64)


def crossing(speed):
    """A path from left to right through (0, 0, 1), which it meets in the first future frame."""
    times = (np.arange(17) - 9) / 6
    return np.stack([speed * times, 0 * times, 0 * times + 1], axis=-1)


def hidden(pillar, position, radius):
    """Frames in which every sight line to a sphere's outline meets the pillar, by marching along the lines."""
    frames = []
    for centre in position:
        toward = centre - VIEW.eye[0]
        side = np.cross(toward, [0, 0, 1.0])
        side /= np.linalg.norm(side)
        up = np.cross(side, toward) / np.linalg.norm(toward)
        angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)[:, None]
        outline = centre + radius * (np.cos(angle) * side + np.sin(angle) * up)
        line = VIEW.eye[0] + np.linspace(0, 1, 2000)[:, None, None] * (outline - VIEW.eye[0])
        within = np.linalg.norm(line[..., :2] - pillar.foot, axis=-1) <= pillar.radius
        frames.append((within & (line[..., 2] <= pillar.height) & (line[..., 2] >= 0)).any(axis=0).all())
    return np.array(frames)


@pytest.mark.parametrize(("frames", "speed"), [(2, 1.0), (3, 1.0), (4, 2.0), (5, 2.0)])
def test_a_pillar_hides_the_sphere_for_the_frames_asked_for(frames, speed):
    pillar = fit_pillar(VIEW, crossing(speed), 0.4, 0.7, frames, 9)
    assert pillar is not None
    unseen = hidden(pillar, crossing(speed), 0.39)
    first = 9 - frames // 2
    assert unseen[first : first + frames].all()
    assert frames <= unseen.sum() <= 6
    narrower = pillar._replace(radius=0.9 * pillar.radius)
    assert not hidden(narrower, crossing(speed), 0.4)[first : first + frames].all()


@pytest.mark.parametrize("height", [0.0, 1.2])
def test_a_whole_pillar_hides_all_of_a_sphere_wherever_it_is_seen(height):
    path = crossing(1.0) + np.array([1.6, 0.5, height])  # far from the picture's middle
    pillar = whole_pillar(VIEW, path, 0.4, 0.7, 3, 9)
    assert pillar is not None
    surely, truly = covered(pillar, VIEW, path, 0.4), hidden(pillar, path, 0.399)
    assert surely[8:11].all()
    assert not (surely & ~truly).any()
    assert 0.9 * pillar.radius < span(VIEW, path, 0.4, pillar.foot)[8:11].max() <= pillar.radius
    lower = pillar._replace(height=crest(VIEW, path, 0.4, pillar.foot)[8:11].max() - 0.2)
    assert not covered(lower, VIEW, path, 0.4)[8:11].all()


def test_nothing_before_the_occluder_is_covered():
    pillar = whole_pillar(VIEW, crossing(1.0), 0.4, 0.7, 3, 9)
    assert pillar is not None
    nearer = crossing(1.0) - np.array([0, 3.5, 0])
    assert not covered(pillar, VIEW, nearer, 0.4).any()


def test_none_hides_what_stands_still_or_is_too_fast():
    assert fit_pillar(VIEW, crossing(0.0), 0.4, 0.7, 3, 9) is None
    assert fit_pillar(VIEW, crossing(5.0), 0.4, 0.7, 4, 9) is None


def test_needed_radius_is_least_where_the_sphere_passes_behind():
    pillar = np.array([0.0, -2.0])
    needed = needed_radius(VIEW, crossing(1.0), 0.4, pillar)
    assert needed.argmin() == 9
    np.testing.assert_allclose(needed[2:9], needed[16:9:-1])
    assert 0.25 < needed[9] < 0.4


def test_pillars_stand_on_the_floor_clear_of_what_starts_there():
    found = 0
    for index in range(60):
        scene = make_scene(SPEC, "train", index)
        slots = np.flatnonzero(scene.exists & (scene.role == ROLES.index("occluder")))
        for slot in slots:
            found += 1
            assert scene.shape[slot] == SHAPES.index("cylinder")
            np.testing.assert_allclose(scene.position[:, slot, 2], scene.size[slot, 2])
            birth = scene.alive.argmax(axis=0)
            start = scene.position[birth, np.arange(48), :2]
            apart = np.linalg.norm(start - start[slot], axis=-1) - scene.size[:, 0] - scene.size[slot, 0]
            assert np.delete(apart[scene.exists], scene.exists[:slot].sum()).min() > 0
    assert 2 <= found <= 30


def test_clips_without_a_future_have_nothing_to_hide_at_its_border_and_say_so():
    spec = in_split(ClutterSpec(size=16, frames=9, context=9), "test_occlusion")
    assert all(make_scene(spec, "test_occlusion", index).flagged for index in range(4))
