"""Floors that redraw the scene, and the truth they are compared with."""

import dataclasses

import numpy as np
import pytest

from futurepred_jax import floors
from futurepred_jax.data.render import render
from futurepred_jax.data.scene_generation import make_scene
from futurepred_jax.data.spec import ClutterSpec

CONTEXT, FRAMES = 5, 4


def spec(**fields) -> ClutterSpec:
    return ClutterSpec(size=32, frames=CONTEXT + FRAMES, **fields)


def future(spec: ClutterSpec, index: int) -> np.ndarray:
    return render(make_scene(spec, "test_iid", index), size=32).video[CONTEXT:].astype(np.float32) / 255


def redrawn(spec: ClutterSpec, index: int) -> dict[str, np.ndarray]:
    videos = floors.redraw(spec, "test_iid", np.array([index]), context=CONTEXT, frames=FRAMES)
    return {name: video[0] for name, video in videos.items()}


@pytest.mark.parametrize("camera", ["static", "orbit"])
def test_true_parameters_draw_the_true_future_where_nothing_is_born(camera):
    clean = spec(level="clean", camera=camera)
    np.testing.assert_array_equal(redrawn(clean, 3)["true_parameters"], future(clean, 3))


def test_constant_velocity_is_right_on_straight_lines_and_wrong_on_curves():
    def error(family: str) -> float:
        known = spec(level="clean", families=(family,), static_share=0.0)
        return max(np.abs(redrawn(known, i)["constant_velocity"] - future(known, i)).mean() for i in range(3))

    assert error("straight") < 2e-3
    assert error("circular") > 1e-2


def test_positions_go_on_by_the_last_step():
    scene = make_scene(spec(level="clean"), "test_iid", 0)
    coasting = floors.coast(scene, CONTEXT, FRAMES)
    step = scene.position[CONTEXT - 1] - scene.position[CONTEXT - 2]
    np.testing.assert_allclose(coasting.position[2], scene.position[CONTEXT - 1] + 3 * step)
    turn = scene.rotation[CONTEXT - 1] @ scene.rotation[CONTEXT - 2].swapaxes(-1, -2)
    np.testing.assert_allclose(coasting.rotation[1], turn @ turn @ scene.rotation[CONTEXT - 1], atol=1e-6)


def test_what_is_born_after_the_context_is_known_to_neither():
    scene = make_scene(spec(level="clean"), "test_iid", 0)
    alive = scene.alive.copy()
    alive[:CONTEXT, 0] = False
    alive[CONTEXT:, 1] = False
    scene = dataclasses.replace(scene, alive=alive)
    assert not floors.foreseeable(scene, CONTEXT, FRAMES).alive[:, :2].any()
    coasting = floors.coast(scene, CONTEXT, FRAMES).alive
    assert not coasting[:, 0].any()
    assert coasting[:, 1].all()


def test_one_context_frame_has_no_velocity():
    with pytest.raises(ValueError, match="needs at least 2; lengthen the context"):
        floors.coast(make_scene(spec(), "test_iid", 0), 1, FRAMES)


def test_pixel_floors_use_the_context_and_the_mean_frame():
    context = np.zeros((1, 2, 4, 4, 3), np.uint8)
    context[:, 1] = 255
    videos = floors.pixel_floors(context, 3, np.full((4, 4, 3), 0.25, np.float32))
    means = {name: float(video.mean()) for name, video in videos.items()}
    assert means == {"copy_last": 1.0, "context_mean": 0.5, "mean_frame": 0.25, "black_frame": 0.0}
    assert {video.shape for video in videos.values()} == {(1, 3, 4, 4, 3)}
