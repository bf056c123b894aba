import numpy as np
import pytest

from futurepred_jax.data.motion import RANGES, circle, draw_motion
from futurepred_jax.data.trajectories import CLASSES, FAMILIES, TrajectoryGenerator, contacts, positions, velocities

TIMES = np.linspace(0, 3, 301)
TURNS = {"left_turn": 90, "right_turn": -90, "u_turn": 180, "loop": 360}


def motions(count=64, rest=0.5, turn=3.0, **fixed):
    key = np.array([1, 2], np.uint32)
    motion = draw_motion(key, np.arange(count), rest=np.full(count, rest), turn=turn)
    return motion._replace(**{name: np.full(count, value) for name, value in fixed.items()})


def path(name, times=TIMES, **fixed):
    return FAMILIES[name](times, motions(**fixed))


def turned(points):
    """Degrees by which level paths turn in all, counterclockwise."""
    velocity = np.diff(points, axis=0)
    heading = np.unwrap(np.arctan2(velocity[..., 1], velocity[..., 0]), axis=0)
    step = heading[1] - heading[0]  # a chord's heading is half a step late at both ends
    return np.degrees(heading[-1] - heading[0] + step)


def speeds(points, times=TIMES):
    return np.linalg.norm(np.diff(points, axis=0), axis=-1) / np.diff(times)[:, None]


@pytest.mark.parametrize("name", sorted(set(FAMILIES) - {"ballistic", "sinusoid", "lissajous"}))
def test_starts_where_it_was_told(name):
    np.testing.assert_allclose(path(name)[0], motions().start, atol=1e-12)


def test_static_stays():
    assert np.ptp(path("static"), axis=0).max() == 0


@pytest.mark.parametrize(("name", "angle"), TURNS.items())
def test_turns_by_its_angle_at_constant_speed(name, angle):
    points = path(name, tilt=0.0)
    side = np.sign(motions().spin) if name in ("u_turn", "loop") else 1
    np.testing.assert_allclose(turned(points), side * angle, atol=1e-6)
    moved = speeds(path(name))
    np.testing.assert_allclose(moved, moved[:1].repeat(len(moved), 0), rtol=1e-6)


def test_left_turn_ends_left_of_its_heading():
    motion = motions()
    moved = path("left_turn")[-1] - motion.start
    np.testing.assert_allclose((moved * motion.forward).sum(-1), motion.radius, atol=1e-12)
    np.testing.assert_allclose((moved * motion.left).sum(-1), motion.radius * np.cos(motion.tilt), atol=1e-12)
    np.testing.assert_allclose(np.cross(motion.forward, motion.left), [[0, 0, 1]] * 64, atol=1e-12)


def test_right_turn_mirrors_left_turn():
    left, right, motion = path("left_turn", tilt=0.0), path("right_turn", tilt=0.0), motions()
    np.testing.assert_allclose(
        ((left - motion.start) * motion.left).sum(-1), -((right - motion.start) * motion.left).sum(-1), atol=1e-12
    )


def test_u_turn_comes_back_beside_its_start():
    gap = np.linalg.norm(path("u_turn")[-1] - motions().start, axis=-1)
    np.testing.assert_allclose(gap, 2 * motions().radius)


def test_loops_close():
    points = path("loop")
    np.testing.assert_allclose(points[-1], points[0], atol=1e-12)
    assert np.linalg.norm(points[150] - points[0], axis=-1).min() > 0.79


def test_turns_lie_in_a_plane_that_leans():
    points = path("loop", tilt=0.5)
    height = np.ptp(points[..., 2], axis=0)
    np.testing.assert_allclose(height, 2 * motions().radius * np.sin(0.5), rtol=1e-3)


def test_circular_keeps_its_distance_and_rate():
    points, motion = path("circular"), motions()
    velocity = np.diff(points, axis=0) / 0.01
    spin = np.cross(velocity[:-1], velocity[1:])[..., 2] / (0.01 * np.square(velocity[1:]).sum(-1))
    np.testing.assert_allclose(spin, np.broadcast_to(np.sign(motion.spin) * motion.rate, spin.shape), rtol=1e-3)
    np.testing.assert_allclose(speeds(points).mean(0), motion.radius * motion.rate, rtol=1e-3)


def test_helix_is_a_circle_that_climbs():
    rise = path("helix") - path("circular")
    assert np.abs(rise[..., :2]).max() == 0
    climb = rise[-1, :, 2] / 3
    assert 0.1 <= np.abs(climb).min() <= np.abs(climb).max() <= 0.3
    np.testing.assert_allclose(rise[..., 2], TIMES[:, None] * climb, atol=1e-12)


def test_turns_end_in_a_straight_line_at_the_same_speed():
    times = np.linspace(0, 5, 501)
    for name in TURNS:
        points = path(name, times=times)
        moved = speeds(points, times)
        np.testing.assert_allclose(moved, moved[:1].repeat(len(moved), 0), rtol=1e-4)
        np.testing.assert_allclose(np.diff(points[300:], 2, axis=0), 0, atol=1e-9)
        np.testing.assert_allclose(points[:301], path(name), atol=1e-12)


def test_spiral_is_a_circle_whose_radius_changes_steadily():
    motion = motions()
    arm = path("spiral") - motion.start + motion.radius[:, None] * circle(motion.phase)
    angle = motion.phase + TIMES[:, None] * motion.rate * np.sign(motion.spin)
    radius = (arm * circle(angle)).sum(-1)
    np.testing.assert_allclose(np.linalg.norm(arm, axis=-1), np.abs(radius), atol=1e-12)
    growth = np.diff(radius, axis=0) / 0.01
    np.testing.assert_allclose(growth, growth[:1].repeat(300, 0), atol=1e-9)
    assert 0.1 <= np.abs(growth).min() <= np.abs(growth).max() <= 0.35


def test_lissajous_swings_about_its_start_on_every_axis():
    offset = path("lissajous") - motions().start
    pull = np.diff(offset, 2, axis=0) / 0.01**2  # of an oscillator: −ω² x
    rate = np.sqrt(-(pull * offset[1:-1]).sum(0) / np.square(offset[1:-1]).sum(0))
    assert 0.79 < rate.min() <= rate.max() < 2.61
    np.testing.assert_allclose(pull, -(rate**2) * offset[1:-1], atol=2e-3)
    assert (np.abs(offset).max(axis=(0, 1)) <= [1.2, 1.2, 0.6]).all()


def test_drag_slows_exponentially_on_a_line():
    velocity = np.diff(path("drag"), axis=0) / 0.01
    left = velocity[1:] / velocity[:-1]
    np.testing.assert_allclose(left, left[:1, :, :1].repeat(299, 0).repeat(3, 2), rtol=1e-6)
    decay = -np.log(left[0, :, 0]) / 0.01
    assert 0.2 <= decay.min() <= decay.max() <= 1.5
    np.testing.assert_allclose(velocity[0], motions().velocity, rtol=0.01)


def test_splines_bend_smoothly_below_two_metres_a_second_and_then_go_straight():
    times = np.linspace(0, 4, 401)
    points = path("spline", times=times, count=500)
    velocity = np.diff(points, axis=0) / 0.01
    assert np.linalg.norm(velocity, axis=-1).max() < 2.0
    assert np.abs(np.diff(velocity, axis=0)).max() < 0.15, "no corner"
    np.testing.assert_allclose(np.diff(velocity[300:], axis=0), 0, atol=1e-9)
    heading = np.arctan2(velocity[..., 1], velocity[..., 0])
    assert np.median(np.ptp(np.unwrap(heading, axis=0), axis=0)) > 1


def test_random_walks_take_six_steps_a_second_and_remember_a_share_of_each():
    times = np.arange(0, 20, 1 / 6)
    walked = path("random_walk", times=times, count=400) - motions(400).start
    before, after = walked[:-1].ravel(), walked[1:].ravel()
    slope = before @ after / (before @ before)
    assert 0.85 < slope < 1.0
    assert 0.1 < np.std(after - slope * before) < 0.3
    assert abs(np.corrcoef(walked[1][:, 0], walked[1][:, 1])[0, 1]) < 0.15
    between = path("random_walk", times=times[:6] + 1 / 12, count=400) - motions(400).start
    np.testing.assert_allclose(between, (walked[:6] + walked[1:7]) / 2, atol=1e-9)


@pytest.mark.parametrize("name", sorted(set(FAMILIES) - {"ballistic", "collisions", "random_walk"}))
def test_velocities_are_the_slopes_of_the_paths(name):
    family = np.full(64, tuple(FAMILIES).index(name))
    around = positions(np.array([1.0 - 1e-3, 1.0 + 1e-3]), family, motions())
    slope = (around[1] - around[0]) / 2e-3
    np.testing.assert_allclose(velocities(np.array([1.0]), family, motions())[0], slope, atol=1e-3)


def test_bounces_are_where_the_vertical_velocity_jumps_up():
    times = np.arange(49) / 6
    family = np.full(64, tuple(FAMILIES).index("ballistic"))
    motion = motions()
    fall = velocities(times, family, motion)[..., 2]
    met = contacts(times, family, motion)
    gained = np.diff(fall, axis=0) + motion.gravity / 6  # nothing but gravity where it met nothing
    flying = met.bounce.cumsum(axis=0) < 4
    np.testing.assert_allclose(gained[~met.bounce[1:] & flying[1:]], 0, atol=1e-3)
    assert gained[met.bounce[1:] & flying[1:]].min() > 1
    assert met.bounce[0].sum() + met.bounce.sum(axis=0).min() > 0
    assert (met.met == -1).all()


def test_families_without_contact_report_none():
    family = np.arange(64) % 8
    met = contacts(TIMES, family, motions())
    assert not met.bounce.any()
    assert (met.met == -1).all()


def test_sinusoid_swings_about_a_straight_line():
    motion = motions()
    swing = path("sinusoid") - path("straight")
    np.testing.assert_allclose((swing * motion.forward).sum(-1), 0, atol=1e-12)
    aside = (swing * motion.left).sum(-1)
    np.testing.assert_allclose(
        aside, motion.amplitude * np.sin(motion.rate * TIMES[:, None] + motion.phase), atol=1e-12
    )


def test_ballistic_agrees_with_small_steps():
    motion = motions(8)
    dt = 1e-4
    height, velocity, heights = motion.drop.copy(), np.zeros(8), []
    for step in range(30001):
        if step % 100 == 0:
            heights.append(height.copy())
        height, velocity = height + velocity * dt - motion.gravity * dt**2 / 2, velocity - motion.gravity * dt
        below = (height < 0) & (velocity < 0)
        velocity = np.where(below, -motion.restitution * velocity, velocity)
        height = np.where(below, -motion.restitution * height, height)
    np.testing.assert_allclose(FAMILIES["ballistic"](TIMES, motion)[..., 2] - 0.5, heights, atol=0.02)


def test_bounces_conserve_energy_between_them_and_lose_it_at_the_floor():
    times = np.linspace(0, 3, 3001)
    motion = motions(gravity=8.0, restitution=0.7, drop=2.0)
    height = FAMILIES["ballistic"](times, motion)[:, 0, 2] - 0.5
    velocity = np.gradient(height, times)
    energy = 8.0 * height + velocity**2 / 2
    impact = np.sqrt(2 * 2.0 / 8.0)
    inside = slice(10, int(1000 * impact) - 10)
    np.testing.assert_allclose(energy[inside], 16.0, rtol=1e-3)
    second = slice(int(1000 * impact) + 10, int(1000 * impact * (1 + 2 * 0.7)) - 10)
    np.testing.assert_allclose(energy[second], 16.0 * 0.7**2, rtol=1e-3)
    third = slice(int(1000 * impact * 2.4) + 10, int(1000 * impact * (2.4 + 2 * 0.49)) - 10)
    np.testing.assert_allclose(energy[third], 16.0 * 0.7**4, rtol=1e-3)


def test_ballistic_never_sinks_and_comes_to_rest():
    times = np.linspace(0, 60, 6001)
    points = path("ballistic", times=times)
    assert points[..., 2].min() >= 0.5
    np.testing.assert_allclose(points[-1, :, 2], 0.5, atol=1e-6)
    ground = np.linalg.norm(np.diff(points[..., :2], axis=0), axis=-1) / 0.01
    np.testing.assert_allclose(ground, np.broadcast_to(motions().speed, ground.shape), rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "slowest", "fastest"),
    [
        ("straight", 0.3, 1.24),
        ("left_turn", 0.2, 0.63),
        ("u_turn", 0.4, 1.26),
        ("loop", 0.83, 2.52),
        ("circular", 0.32, 3.12),
        ("helix", 0.33, 3.14),
    ],
)
def test_speeds_within_ranges(name, slowest, fastest):
    moved = speeds(path(name, count=2000))
    assert slowest <= moved.min() <= moved.max() <= fastest


def test_factors_fill_their_ranges():
    motion = motions(4000)
    for name in ("speed", "radius", "rate", "gravity", "restitution", "drop", "amplitude"):
        low, high = RANGES[name]
        values = getattr(motion, name)
        assert low < values.min() < low + 0.01 * (high - low)
        assert high > values.max() > high - 0.01 * (high - low)


def test_positions_of_mixed_families_are_those_of_each():
    motion = motions(40)
    family = np.arange(40) % len(FAMILIES)
    mixed = positions(TIMES, family, motion)
    for number, function in enumerate(FAMILIES.values()):
        np.testing.assert_array_equal(mixed[:, family == number], function(TIMES, motion)[:, family == number])


def test_generator_gives_the_path_of_its_key():
    generator = TrajectoryGenerator(num_points=20)
    one, same, other = (generator.generate("loop", key=np.array([0, i], np.uint32)) for i in (1, 1, 2))
    assert one.shape == (20, 3)
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 0.1
    np.testing.assert_allclose(one[-1], one[0], atol=1e-12)


def test_generator_varies_heading_start_and_size():
    keys = [np.array([0, i], np.uint32) for i in range(300)]
    paths = np.stack([TrajectoryGenerator(2).generate("straight", key=key) for key in keys])
    moved = paths[:, 1] - paths[:, 0]
    octant = np.floor(np.arctan2(moved[:, 1], moved[:, 0]) / (np.pi / 4)).astype(int) + 4
    assert np.bincount(octant, minlength=8).min() > 20
    assert np.linalg.norm(moved[:, :2], axis=-1).std() > 0.5
    assert paths[:, 0].std(axis=0).min() > 0.4


def test_generator_noise_has_its_size_and_leaves_the_path():
    key = np.array([0, 1], np.uint32)
    error = TrajectoryGenerator(2000, noise=0.05).generate("u_turn", key=key) - TrajectoryGenerator(2000).generate(
        "u_turn", key=key
    )
    assert abs(error.std() - 0.05) < 0.003
    assert abs(error.mean()) < 0.003


def test_generator_labels_all_classes():
    batch = TrajectoryGenerator(30).batch(100, key=np.array([3, 4], np.uint32))
    assert np.bincount(batch.family, minlength=len(CLASSES)).min() > 8
    closes = np.linalg.norm(batch.points[:, -1] - batch.points[:, 0], axis=-1) < 1e-9
    np.testing.assert_array_equal(closes, batch.family == CLASSES.index("loop"))


def test_generator_refuses_what_it_does_not_know():
    with pytest.raises(ValueError, match="known are static, straight"):
        TrajectoryGenerator(5).generate("zigzag", key=np.zeros(2, np.uint32))
    with pytest.raises(ValueError, match="num_points ≥ 2"):
        TrajectoryGenerator(1)
