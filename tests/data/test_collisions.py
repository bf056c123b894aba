import numpy as np
import pytest

from futurepred_jax.data.collisions import WALL, roll
from futurepred_jax.data.motion import draw_motion

TIMES = np.arange(49) / 6


def balls(count=6, worlds=1, **fixed):
    key, element = np.array([5, 6], np.uint32), np.arange(count)
    motion = draw_motion(key, element, rest=np.full(count, 0.5), turn=3.0, world=element % worlds)
    return motion._replace(**{name: np.asarray(value, float) for name, value in fixed.items()})


def duel(radii=(0.5, 0.5), bounce=(0.8, 0.8)):
    """Two balls that run at each other along x, so high up that they meet before they land."""
    return balls(
        2,
        start=[[-1.5, 0, 30], [1.5, 0, 30]],
        forward=[[1, 0, 0], [-1, 0, 0]],  # aims half a metre past the middle, each on its way
        speed=[1.0, 1.0],
        climb=[0, 0],
        gravity=[5.0, 5.0],
        rest=radii,
        restitution=bounce,
    )


def slopes(motion, times):
    """Velocity between two times that are closer than a step."""
    here, there = (roll(times + shift, motion).position for shift in (0.0, 1e-3))
    return (there - here) / 1e-3


@pytest.mark.parametrize("radii", [(0.5, 0.5), (0.4, 0.7)])
def test_a_meeting_keeps_the_momentum_and_obeys_restitution(radii):
    motion = duel(radii)
    times = np.arange(14) / 12
    course, velocity = roll(times, motion), slopes(motion, times)[..., 0]
    when = int(np.flatnonzero(course.met[:, 0] >= 0)[0])
    assert course.met[when].tolist() == [1, 0]
    assert (course.met >= 0).any(axis=1).sum() == 1
    mass = np.array(radii) ** 3
    np.testing.assert_allclose(velocity @ mass, velocity[0] @ mass, rtol=1e-6)
    closing, parting = velocity[when - 1] @ [1, -1], velocity[when] @ [-1, 1]
    assert parting == pytest.approx(0.8 * closing, rel=1e-6)


def test_energy_is_lost_only_where_something_is_met():
    motion = balls(8, start=balls(8).start + np.array([0, 0, 0.5]))
    course, velocity = roll(TIMES, motion), slopes(motion, TIMES)
    mass = motion.rest**3
    energy = mass * (np.square(velocity).sum(-1) / 2 + motion.gravity * course.position[..., 2])
    calm = ~(course.bounced[1:] | (course.met[1:] >= 0))
    change = np.diff(energy, axis=0) / energy[:-1]
    flying = calm & (course.position[1:, :, 2] > 0.6)
    assert flying.sum() > 20
    assert np.abs(change[flying]).max() < 0.03  # Euler's steps
    assert energy[-1].sum() < 0.8 * energy[0].sum()


def test_nobody_sinks_into_floor_walls_or_others():
    motion = balls(8, speed=np.full(8, 1.2))
    place = roll(np.arange(400) / 48, motion).position
    assert place[..., 2].min() >= 0.5 - 1e-9
    assert np.abs(place[..., :2]).max() <= WALL - 0.5 + 1e-9
    start = np.linalg.norm(motion.start[:, None] - motion.start, axis=-1)
    apart = np.linalg.norm(place[:, :, None] - place[:, None], axis=-1) + 9 * ((start < 1) | np.eye(8, dtype=bool))
    assert apart.min() > 0.85, "an overlap is pushed apart within a step or two"


def test_velocities_turn_only_at_events():
    motion = balls(6)
    course, velocity = roll(TIMES, motion), slopes(motion, TIMES)
    level = np.abs(np.diff(velocity[..., :2], axis=0)).max(-1)
    eventful = course.bounced[1:] | (course.met[1:] >= 0)
    assert level[~eventful].max() < 0.15  # meetings slower than are felt
    assert level[course.met[1:] >= 0].min() > 1e-3
    assert eventful.any()


def test_worlds_do_not_meet():
    apart = roll(TIMES, balls(6, worlds=6))
    assert (apart.met == -1).all()
    for slot in range(6):
        alone = roll(TIMES, balls(6, worlds=6).take(np.array([slot])))
        np.testing.assert_array_equal(alone.position[:, 0], apart.position[:, slot])


def test_a_lone_ball_falls_bounces_and_comes_to_rest():
    motion = balls(1, start=[[0, 0, 2.5]], climb=[0], speed=[0], gravity=[8.0], restitution=[0.6])
    course = roll(np.arange(60) / 6, motion)
    np.testing.assert_allclose(course.position[:4, 0, 2], 2.5 - 4 * (np.arange(4) / 6) ** 2, atol=0.15)
    assert course.bounced[:, 0].sum() >= 2
    assert not course.bounced[-20:].any()
    np.testing.assert_allclose(course.position[-20:, 0, 2], 0.5, atol=0.01)


def test_times_in_between_lie_on_lines():
    motion = balls(4)
    fine, coarse = roll(np.arange(97) / 96, motion).position, roll(np.arange(49) / 48, motion).position
    np.testing.assert_allclose(fine[::2], coarse, atol=1e-9)
    np.testing.assert_allclose(fine[1::2], (coarse[:-1] + coarse[1:]) / 2, atol=0.01)  # it rests from 7 mm on
