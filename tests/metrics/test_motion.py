"""The tracker on shaded, antialiased discs whose places are known exactly."""

import colorsys

import jax.numpy as jnp
import numpy as np
import pytest
from einops import reduce

from futurepred_jax.metrics import motion, tracking

SIZE, FRAMES, RADIUS, FINE = 32, 6, 3.2, 4
HUES = np.array([colorsys.hsv_to_rgb(h / 12, 0.85, 0.9) for h in range(12)]).astype(np.float32)
GREY = np.array([0.55, 0.52, 0.5])


def discs(centre: np.ndarray, rgb: np.ndarray, radius: float = RADIUS) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Video [t h w 3] on a grey ground, visible pixels [t k] and their centroids; later slots lie in front."""
    axis = (np.arange(SIZE * FINE) + 0.5) / FINE - 0.5
    offset = np.stack(np.meshgrid(axis, axis), axis=-1) - centre[:, :, None, None]
    inside = (offset**2).sum(axis=-1) <= radius**2
    shade = 0.66 - 0.34 * offset.sum(axis=-1) / (2 * radius)
    video = np.broadcast_to(GREY, (len(centre), SIZE * FINE, SIZE * FINE, 3))
    visible = []
    for k in range(centre.shape[1]):
        video = np.where(inside[:, k, ..., None], rgb[k] * shade[:, k, ..., None], video)
        visible.append(inside[:, k] & ~inside[:, k + 1 :].any(axis=1))
    seen = np.stack(visible, axis=1).astype(float)
    area = reduce(seen, "t k h w -> t k", "sum")
    place = (
        np.einsum("tkhw,hwx->tkx", seen, np.stack(np.meshgrid(axis, axis), axis=-1)) / np.maximum(area, 1)[..., None]
    )
    return reduce(video, "t (h fh) (w fw) c -> t h w c", "mean", fh=FINE, fw=FINE), area / FINE**2, place


def scene(velocity=(1.5, 0.7)) -> tuple[np.ndarray, tracking.Targets]:
    """One clip of three discs that cross; the last of four slots is empty."""
    start = np.array([[6.0, 6.0], [6.0, 16.0], [24.0, 24.0]])
    speed = np.array([velocity, [velocity[0], 0], [-velocity[0], -velocity[1]]])
    centre = start + speed * np.arange(1, FRAMES + 1)[:, None, None]
    video, area, place = discs(centre, HUES[[0, 4, 9]])
    pad = ((0, 0), (0, 1))
    targets = tracking.Targets(
        ids=jnp.arange(1, 5)[None],
        start=jnp.asarray(np.pad(start, ((0, 1), (0, 0))), jnp.float32)[None],
        centre=jnp.asarray(np.pad(centre, (*pad, (0, 0))), jnp.float32)[None],
        place=jnp.asarray(np.pad(place, (*pad, (0, 0))), jnp.float32)[None],
        visible_px=jnp.asarray(np.pad(area, pad).round(), jnp.int32)[None],
        amodal_px=jnp.asarray(np.pad(np.full_like(area, np.pi * RADIUS**2), pad).round(), jnp.int32)[None],
        rgb=jnp.asarray(np.pad(HUES[[0, 4, 9]], ((0, 1), (0, 0))))[None],
        exists=jnp.array([[True, True, True, False]]),
    )
    return video[None].astype(np.float32), targets


def scores(video: np.ndarray, targets: tracking.Targets) -> motion.MotionScores:
    return motion.motion_scores(tracking.track(video, targets), targets, height=SIZE)


def error(result: motion.MotionScores) -> np.ndarray:
    return np.asarray(result.error)[np.asarray(result.scored & result.detected)]


def test_the_true_video_is_tracked():
    result = scores(*scene())
    assert np.asarray(result.scored)[..., :3].mean() > 0.8
    assert np.asarray(result.detected)[np.asarray(result.scored)].all()
    assert error(result).mean() < 0.3
    assert not np.asarray(result.scored)[..., 3].any()


def test_a_frozen_video_has_the_error_of_the_displacement():
    video, targets = scene()
    frozen, *_ = discs(np.asarray(targets.start)[:, :3], HUES[[0, 4, 9]])
    result = scores(np.broadcast_to(frozen[None].astype(np.float32), video.shape), targets)
    travelled = np.asarray(result.travelled)[np.asarray(result.scored & result.detected)]
    assert travelled.max() > 5
    np.testing.assert_allclose(error(result), travelled, atol=0.3)


def test_an_erased_object_costs_recall():
    _, targets = scene()
    erased, *_ = discs(np.asarray(targets.centre)[0, :, 1:3], HUES[[4, 9]])
    result = scores(erased[None].astype(np.float32), targets)
    assert not np.asarray(result.detected)[..., 0].any()
    assert np.asarray(result.detected)[..., 1:3].mean() > 0.8


def test_swapped_hues_cost_recall():
    _, targets = scene()
    swapped, *_ = discs(np.asarray(targets.centre)[0, :, :3], HUES[[1, 5, 10]])
    result = scores(swapped[None].astype(np.float32), targets)
    assert not np.asarray(result.detected & result.scored).any()


def test_shade_does_not_hide_a_colour():
    video, targets = scene()
    np.testing.assert_array_equal(scores(0.4 * video, targets).detected, scores(video, targets).detected)


def test_an_object_far_from_the_gate_is_not_taken():
    _, targets = scene(velocity=(0.0, 0.0))
    moved, *_ = discs(np.array([[[27.0, 6.0]]] * FRAMES), HUES[[0]])
    result = scores(moved[None].astype(np.float32), targets)
    assert not np.asarray(result.detected)[0, 0, 0]


def test_a_hidden_object_is_found_where_it_comes_out():
    video, targets = scene(velocity=(3.5, 0.0))
    hidden = video.copy()
    hidden[:, 1:4] = GREY
    found = scores(hidden, targets._replace(visible_px=targets.visible_px.at[:, 1:4].set(0)))
    np.testing.assert_array_equal(np.asarray(found.detected)[0, :5, 1], [True, False, False, False, True])
    assert error(found).max() < 0.5


def test_what_turns_up_far_from_where_an_object_in_view_was_lost_is_not_taken_for_it():
    video, targets = scene(velocity=(3.5, 0.0))
    lost = video.copy()
    lost[:, 1:4] = GREY
    np.testing.assert_array_equal(
        np.asarray(scores(lost, targets).detected)[0, :5, 1], [True, False, False, False, False]
    )
    lost[:, 4] = video[:, 1]  # it comes back near where it was last
    assert np.asarray(scores(lost, targets).detected)[0, 4, 1]


@pytest.mark.parametrize(("visible", "amodal", "expected"), [(6, 12, True), (6, 13, False), (5, 5, False)])
def test_objects_are_judged_when_six_pixels_and_half_of_them_show(visible, amodal, expected):
    _, targets = scene()
    ones = jnp.ones_like(targets.visible_px)
    evaluable = tracking.evaluable(targets._replace(visible_px=visible * ones, amodal_px=amodal * ones), SIZE)
    assert np.asarray(evaluable)[..., :3].all() == expected
    assert not tracking.evaluable(targets._replace(visible_px=6 * ones, amodal_px=6 * ones), 64).any()


def test_coloured_noise_has_no_objects():
    video, targets = scene()
    rng = np.random.default_rng(0)
    pixels = rng.random((8, *video.shape[1:]), np.float32)
    blotches = np.repeat(np.repeat(rng.random((8, FRAMES, SIZE // 2, SIZE // 2, 3), np.float32), 2, 2), 2, 3)
    speckles = HUES[rng.integers(0, 12, (8, FRAMES, SIZE, SIZE))]
    many = tracking.Targets(*(jnp.repeat(field, 8, axis=0) for field in targets))
    for noise, most in ((pixels, 0.005), (blotches, 0.05), (speckles, 0.005)):
        result = scores(noise, many)
        assert np.asarray(result.detected)[np.asarray(result.scored)].mean() <= most


@pytest.mark.parametrize("grey", [0.0, 0.5, 1.0])
def test_a_flat_grey_picture_has_no_objects(grey):
    video, targets = scene()
    assert not np.asarray(scores(np.full_like(video, grey), targets).detected).any()


def test_scattered_pixels_of_the_right_colour_are_no_object():
    """A sixth of all pixels, so half of the disc's area in its place: only being together makes them an object."""
    video, targets = scene(velocity=(0.0, 0.0))
    rare = np.random.default_rng(1).random((1, FRAMES, SIZE, SIZE, 1)) < 1 / 6
    spread = np.where(rare, HUES[0], GREY).astype(np.float32)
    assert not np.asarray(scores(spread, targets).detected)[..., 0].any()
    assert np.asarray(scores(video, targets).detected)[..., 0].all()
