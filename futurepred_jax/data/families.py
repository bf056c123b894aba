"""Families of motion: positions in closed form, in metres, for many objects at once.

A family is one function of the times and of the objects' ``Motion``, and one row of ``trajectories.FAMILIES``.
"""

import numpy as np
from jaxtyping import Float, Int

from futurepred_jax.data import counter_random
from futurepred_jax.data.motion import UP, Motion, circle

Times = Float[np.ndarray, "t"]
Positions = Float[np.ndarray, "t k 3"]

WALK_STEP = 1 / 6  # seconds between the kicks of a random walk
LONGEST_WALK = 28  # seconds, of three draws a kick
SLOWEST_BOUNCE = 0.1  # m/s: an object that meets the ground slower is taken to roll
KNOTS = (4, 6)  # control points of a spline
BEND = 1.2  # radians at most from one leg of a spline to the next
LEG = 1.2  # m/s at most along a leg; the curve between is faster, by less than a half


def static(times: Times, motion: Motion) -> Positions:
    """p0."""
    return motion.start + np.zeros((len(times), 1, 1))


def straight(times: Times, motion: Motion) -> Positions:
    """p0 + v t."""
    return motion.start + times[:, None, None] * motion.velocity


def left_turn(times: Times, motion: Motion) -> Positions:
    """A quarter of a circle to the left, at constant speed."""
    return _arc(times, motion, np.pi / 2)


def right_turn(times: Times, motion: Motion) -> Positions:
    """A quarter of a circle to the right, at constant speed."""
    return _arc(times, motion, -np.pi / 2)


def u_turn(times: Times, motion: Motion) -> Positions:
    """Half a circle to either side, at constant speed."""
    return _arc(times, motion, np.pi * np.sign(motion.spin))


def loop(times: Times, motion: Motion) -> Positions:
    """A whole circle to either side, at constant speed."""
    return _arc(times, motion, 2 * np.pi * np.sign(motion.spin))


def circular(times: Times, motion: Motion) -> Positions:
    """c + r (cos θ, sin θ, 0), θ = ω t + φ, with c such that the motion starts at p0."""
    return motion.start + motion.radius[:, None] * (circle(_angle(times, motion)) - circle(motion.phase))


def helix(times: Times, motion: Motion) -> Positions:
    """Circular, and steadily up or down at 0.1 to 0.3 m/s."""
    climb = motion.climb * 2 / 3 + 0.1 * np.sign(motion.climb)
    return circular(times, motion) + times[:, None, None] * climb[:, None] * UP


def spiral(times: Times, motion: Motion) -> Positions:
    """Circular, with a radius that grows or shrinks at 0.1 to 0.35 m/s; past the middle it grows again."""
    growth = motion.factor("growth", -0.25, 0.25)[:, 0]
    radius = motion.radius + times[:, None] * (growth + 0.1 * np.sign(growth))
    return (
        motion.start + radius[..., None] * circle(_angle(times, motion)) - motion.radius[:, None] * circle(motion.phase)
    )


def sinusoid(times: Times, motion: Motion) -> Positions:
    """p0 + v t + A e sin(ω t + φ), with e to the left of v."""
    swing = motion.amplitude * np.sin(motion.rate * times[:, None] + motion.phase)
    return straight(times, motion) + swing[..., None] * motion.left


def lissajous(times: Times, motion: Motion) -> Positions:
    """p0ᵢ + Aᵢ sin(ωᵢ t + φᵢ); up and down by half as much as along the ground."""
    amplitude = motion.factor("swings", 0.3, 1.2, 3) * [1, 1, 0.5]
    rate, phase = motion.factor("swing rates", 0.8, 2.6, 3), motion.factor("swing phases", -np.pi, np.pi, 3)
    return motion.start + amplitude * np.sin(rate * times[:, None, None] + phase)


def ballistic(times: Times, motion: Motion) -> Positions:
    """Free fall from rest and bounces, in closed form, at constant horizontal velocity.

    The n-th flight begins at T_n = T_0 + (2 v_0 / g) (e + … + eⁿ) with the speed v_0 eⁿ⁺¹, which a geometric sum
    gives at once; after T_∞ the object rolls on.
    """
    gravity, bounce = motion.gravity, motion.restitution
    impact, speed, flight = _flight(times, motion)
    since = times[:, None] - impact - 2 * speed / gravity * bounce * (1 - bounce**flight) / (1 - bounce)
    flying = np.maximum(speed * bounce ** (flight + 1) * since - gravity * since**2 / 2, 0)
    height = np.where(times[:, None] < impact, motion.drop - gravity * times[:, None] ** 2 / 2, flying)
    ground = motion.start + times[:, None, None] * motion.speed[:, None] * motion.forward
    return np.concatenate([ground[..., :2], (motion.rest + height)[..., None]], axis=-1)


def bounces(times: Times, motion: Motion) -> Int[np.ndarray, "t k"]:
    """How often a ballistic object has met the ground by each time, not counting what is slower than 0.1 m/s."""
    impact, speed, flight = _flight(times, motion)
    last = np.floor(np.log(np.minimum(SLOWEST_BOUNCE / speed, 1)) / np.log(motion.restitution))
    return np.where(times[:, None] < impact, 0, np.minimum(flight, last) + 1).astype(np.int64)


def drag(times: Times, motion: Motion) -> Positions:
    """p0 + v0 (1 − e^{−γt}) / γ, γ 0.2 to 1.5 a second."""
    decay = motion.factor("drag", 0.2, 1.5)[:, 0]
    return motion.start + (-np.expm1(-decay * times[:, None]) / decay)[..., None] * motion.velocity


def random_walk(times: Times, motion: Motion) -> Positions:
    """x' = a x + σ ε about p0, six steps a second, a line between two (Ornstein and Uhlenbeck): irreducible."""
    steps = max(int(np.ceil(times[-1] / WALK_STEP + 1e-3)), 1)
    keep, kick = motion.factor("walk memory", 0.8, 1.0), motion.factor("walk kick", 0.1, 0.3)
    kicks = kick[..., None] * counter_random.normal(motion.key, motion.element, "walk", 3 * steps).reshape(-1, steps, 3)
    walked = np.zeros((steps + 1, len(motion.start), 3))
    for step in range(steps):
        walked[step + 1] = keep * walked[step] + kicks[:, step]
    return motion.start + _along(walked, times / WALK_STEP)


def spline(times: Times, motion: Motion) -> Positions:
    """A Catmull-Rom curve through 4 to 6 points, never faster than 2 m/s; past the last it goes straight on."""
    legs = KNOTS[1] - 1
    count = KNOTS[0] + counter_random.pick(motion.factor("knots", 0.0, 1.0)[:, 0], KNOTS[1] - KNOTS[0] + 1)
    heading = np.cumsum(motion.factor("bends", -BEND, BEND, legs), axis=1) + _heading(motion)
    pace = motion.factor("paces", 0.3, LEG, legs) * (motion.turn / (count - 1))[:, None]
    rise = motion.factor("rises", -0.25, 0.25, legs)[..., None] * UP
    knots = np.zeros((len(count), legs + 3, 3))
    knots[:, 2:-1] = np.cumsum(pace[..., None] * (circle(heading) + rise), axis=1)
    rows = np.arange(len(count))
    knots[:, 0] = -knots[:, 2]
    knots[rows, count + 1] = 2 * knots[rows, count] - knots[rows, count - 1]
    place = times[:, None] * (count - 1) / motion.turn
    return motion.start + _catmull_rom(knots, np.minimum(place, count - 1)) + _beyond(knots, count, place)


def _arc(times: Times, motion: Motion, angle: Float[np.ndarray, "k"] | float) -> Positions:
    """Turn by ``angle`` (radians, left is positive) in ``motion.turn`` seconds, in a plane that leans sideways.

    What is turned goes straight on.
    """
    turned = np.minimum(times[:, None], motion.turn) * angle / motion.turn
    left = np.cos(motion.tilt)[:, None] * motion.left + np.sin(motion.tilt)[:, None] * UP
    side = np.sign(angle)
    onward = np.maximum(times[:, None] - motion.turn, 0) * np.abs(angle) / motion.turn
    along = (np.sin(np.abs(turned)) + onward * np.cos(angle))[..., None] * motion.forward
    across = (side * (1 - np.cos(turned) + onward * np.sin(np.abs(angle))))[..., None] * left
    return motion.start + motion.radius[:, None] * (along + across)


def _angle(times: Times, motion: Motion) -> Float[np.ndarray, "t k"]:
    return motion.phase + times[:, None] * motion.rate * np.sign(motion.spin)


def _heading(motion: Motion) -> Float[np.ndarray, "k 1"]:
    return np.arctan2(motion.forward[:, 1], motion.forward[:, 0])[:, None]


def _flight(
    times: Times, motion: Motion
) -> tuple[Float[np.ndarray, "k"], Float[np.ndarray, "k"], Float[np.ndarray, "t k"]]:
    """Time and speed of the first impact, and how many more there have been by each time."""
    gravity, bounce = motion.gravity, motion.restitution
    impact = np.sqrt(2 * motion.drop / gravity)
    speed = gravity * impact
    left = 1 - (times[:, None] - impact) * gravity * (1 - bounce) / (2 * speed * bounce)  # eⁿ at the n-th bounce
    return impact, speed, np.floor(np.log(np.clip(left, 1e-12, 1)) / np.log(bounce))


def _along(points: Float[np.ndarray, "n k 3"], place: Float[np.ndarray, "t"]) -> Positions:
    """Places on the lines between points, and on the first and the last line beyond them."""
    before = np.clip(np.floor(place + 1e-9).astype(int), 0, len(points) - 2)
    share = (place - before)[:, None, None]
    return points[before] + share * (points[before + 1] - points[before])


def _catmull_rom(knots: Float[np.ndarray, "k n 3"], place: Float[np.ndarray, "t k"]) -> Positions:
    """The curve from ``knots[:, 1]`` on, one knot a unit of ``place``."""
    first = np.clip(np.floor(place).astype(int), 0, knots.shape[1] - 4)
    u = (place - first)[..., None]
    rows = np.arange(knots.shape[0])
    a, b, c, d = (knots[rows, first + i] for i in range(4))
    return b + u * ((c - a) + u * ((2 * a - 5 * b + 4 * c - d) + u * (3 * (b - c) + d - a))) / 2


def _beyond(knots: Float[np.ndarray, "k n 3"], count: Int[np.ndarray, "k"], place: Float[np.ndarray, "t k"]):
    rows = np.arange(len(count))
    return np.maximum(place - (count - 1), 0)[..., None] * (knots[rows, count] - knots[rows, count - 1])
