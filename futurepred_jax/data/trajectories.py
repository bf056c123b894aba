"""Families of motion: positions in closed form, in metres, for many objects at once.

A family is one function of the times and of an object's ``Motion``, and one row of ``FAMILIES``. The factors of a
motion are drawn for every object whatever its family, each from the stream of its own name.
"""

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from futurepred_jax.data import random

UP = np.array([0.0, 0.0, 1.0])
Times = Float[np.ndarray, "t"]
Positions = Float[np.ndarray, "t k 3"]

RANGES = {
    "x": (-2.2, 2.2),  # metres, the start
    "y": (-2.2, 2.2),
    "z": (0.6, 2.4),
    "heading": (-np.pi, np.pi),  # radians from the x axis, counterclockwise seen from above
    "speed": (0.3, 1.2),  # m/s, horizontal; slower would pass for static
    "climb": (-0.3, 0.3),  # m/s, vertical
    "radius": (0.4, 1.2),  # metres
    "tilt": (-0.6, 0.6),  # radians that a turn's plane leans, about the heading
    "spin": (-1.0, 1.0),  # its sign is the sense of rotation
    "rate": (0.8, 2.6),  # rad/s, of circles and waves
    "phase": (-np.pi, np.pi),  # radians, of circles and waves
    "amplitude": (0.3, 1.2),  # metres, of waves
    "gravity": (4.0, 9.8),  # m/s²
    "restitution": (0.5, 0.85),  # speed after a bounce over speed before it
    "drop": (0.5, 3.0),  # metres of free fall to the first bounce
}
_ONCE = dict.fromkeys(RANGES, 1)
TURN_SECONDS = 2.5  # a turn spans the clip, and at least this: a loop in 9 frames at 6 fps would run at 5 m/s


class Motion(NamedTuple):
    """Factors of ``k`` motions, in the units of ``RANGES``; a family uses those that it needs."""

    start: Float[np.ndarray, "k 3"]  # at time 0; of waves, of the line that they swing about
    forward: Float[np.ndarray, "k 3"]  # unit vectors along the heading
    left: Float[np.ndarray, "k 3"]  # unit vectors to its left; both are horizontal
    speed: Float[np.ndarray, "k"]
    climb: Float[np.ndarray, "k"]
    radius: Float[np.ndarray, "k"]
    tilt: Float[np.ndarray, "k"]
    spin: Float[np.ndarray, "k"]
    rate: Float[np.ndarray, "k"]
    phase: Float[np.ndarray, "k"]
    amplitude: Float[np.ndarray, "k"]
    gravity: Float[np.ndarray, "k"]
    restitution: Float[np.ndarray, "k"]
    drop: Float[np.ndarray, "k"]
    rest: Float[np.ndarray, "k"]  # metres, height of the centre of an object that lies on the floor
    turn: Float[np.ndarray, "k"]  # seconds that a turn takes


def draw_factors(key: random.Key, element: Int[np.ndarray, "k"]) -> dict[str, Float[np.ndarray, "k"]]:
    """Draw a number in (0, 1) for every factor of ``RANGES``."""
    return {name: numbers[:, 0] for name, numbers in random.uniform_of(key, element, _ONCE).items()}


def make_motion(numbers: dict[str, Float[np.ndarray, "k"]], *, rest: Float[np.ndarray, "k"], turn: float) -> Motion:
    """Scale numbers in (0, 1), one a factor of ``RANGES``, to motions.

    Args:
        numbers: by factor.
        rest: height of an object's centre when it lies on the floor, metres.
        turn: seconds that a turn takes.
    """
    scaled = {name: low + (high - low) * numbers[name] for name, (low, high) in RANGES.items()}
    start = np.stack([scaled.pop("x"), scaled.pop("y"), scaled.pop("z")], axis=-1)
    heading = scaled.pop("heading")
    forward = _circle(heading)
    left = np.stack([-forward[:, 1], forward[:, 0], forward[:, 2]], axis=-1)
    return Motion(start, forward, left, **scaled, rest=rest, turn=np.full_like(rest, turn))


def static(times: Times, motion: Motion) -> Positions:
    """p0."""
    return motion.start + np.zeros((len(times), 1, 1))


def straight(times: Times, motion: Motion) -> Positions:
    """p0 + v t."""
    return motion.start + times[:, None, None] * _velocity(motion)


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
    angle = motion.phase + times[:, None] * motion.rate * np.sign(motion.spin)
    return motion.start + motion.radius[:, None] * (_circle(angle) - _circle(motion.phase))


def helix(times: Times, motion: Motion) -> Positions:
    """Circular, and steadily up or down at 0.1 to 0.3 m/s."""
    climb = motion.climb * 2 / 3 + 0.1 * np.sign(motion.climb)
    return circular(times, motion) + times[:, None, None] * climb[:, None] * UP


def sinusoid(times: Times, motion: Motion) -> Positions:
    """p0 + v t + A e sin(ω t + φ), with e to the left of v."""
    swing = motion.amplitude * np.sin(motion.rate * times[:, None] + motion.phase)
    return straight(times, motion) + swing[..., None] * motion.left


def ballistic(times: Times, motion: Motion) -> Positions:
    """Free fall from rest and bounces, in closed form, at constant horizontal velocity.

    The n-th flight begins at T_n = T_0 + (2 v_0 / g) (e + … + eⁿ) with the speed v_0 eⁿ⁺¹, which a geometric sum
    gives at once; after T_∞ the object rolls on.
    """
    gravity, bounce = motion.gravity, motion.restitution
    impact = np.sqrt(2 * motion.drop / gravity)
    speed = gravity * impact
    left = 1 - (times[:, None] - impact) * gravity * (1 - bounce) / (2 * speed * bounce)  # eⁿ at the n-th bounce
    flight = np.floor(np.log(np.clip(left, 1e-12, 1)) / np.log(bounce))
    since = times[:, None] - impact - 2 * speed / gravity * bounce * (1 - bounce**flight) / (1 - bounce)
    flying = np.maximum(speed * bounce ** (flight + 1) * since - gravity * since**2 / 2, 0)
    height = np.where(times[:, None] < impact, motion.drop - gravity * times[:, None] ** 2 / 2, flying)
    ground = motion.start + times[:, None, None] * motion.speed[:, None] * motion.forward
    return np.concatenate([ground[..., :2], (motion.rest + height)[..., None]], axis=-1)


FAMILIES: dict[str, Callable[[Times, Motion], Positions]] = {
    "static": static,
    "straight": straight,
    "left_turn": left_turn,
    "right_turn": right_turn,
    "u_turn": u_turn,
    "loop": loop,
    "circular": circular,
    "helix": helix,
    "ballistic": ballistic,
    "sinusoid": sinusoid,
}
"""Motions by name; an object's ``family`` is the place of its name here, so that new rows go to the end."""


def positions(times: Times, family: Int[np.ndarray, "k"], motion: Motion) -> Positions:
    """Positions of objects of several families."""
    order = np.argsort(family, kind="stable")  # so that a family's objects are one slice, which costs no copy
    ends = np.searchsorted(family[order], np.arange(len(FAMILIES) + 1)).tolist()
    motion = Motion(*(factor[order] for factor in motion))
    result = np.empty((len(times), len(family), 3))
    for function, start, end in zip(FAMILIES.values(), ends, ends[1:], strict=False):
        if start < end:
            result[:, order[start:end]] = function(times, Motion(*(factor[start:end] for factor in motion)))
    return result


@dataclasses.dataclass(frozen=True)
class Labelled:
    """Trajectories with their families."""

    points: Float[np.ndarray, "b n 3"]
    family: Int[np.ndarray, "b"]  # index into ``CLASSES``


CLASSES = ("straight", "left_turn", "right_turn", "u_turn", "loop")
"""The classes of motion of the generator below."""


@dataclasses.dataclass(frozen=True)
class TrajectoryGenerator:
    """Draw paths of ``num_points`` points, evenly spaced in time, with their families as labels.

    Heading, start, size and speed are random; a turn is completed at the last point, so its speed follows from its
    radius.

    Attributes:
        num_points: points a path, at least 2.
        duration: seconds from the first to the last.
        noise: standard deviation of a Gaussian error added to every coordinate, in metres.
    """

    num_points: int
    duration: float = 3.0
    noise: float = 0.0

    def __post_init__(self):
        if self.num_points < 2 or self.duration <= 0 or self.noise < 0:
            raise ValueError(f"{self}: needs num_points ≥ 2, duration > 0 and noise ≥ 0")

    def generate(self, name: str, *, key: random.Key) -> Float[np.ndarray, "n 3"]:
        """Draw one path of a family.

        Raises:
            ValueError: the family is unknown.
        """
        if name not in FAMILIES:
            raise ValueError(f"unknown family {name!r}; known are {', '.join(FAMILIES)}")
        motion = make_motion(draw_factors(key, np.zeros(1, np.int64)), rest=np.zeros(1), turn=self.duration)
        path = FAMILIES[name](np.linspace(0, self.duration, self.num_points), motion)[:, 0]
        return path + self.noise * random.normal(key, np.arange(self.num_points), "jitter", 3)

    def batch(self, count: int, *, key: random.Key) -> Labelled:
        """Draw ``count`` paths of the five classes, each class equally likely; the i-th follows from (key, i)."""
        children = random.bits(key, np.arange(count), "child", 2)
        family = random.integers(key, np.arange(count), "class", low=0, high=len(CLASSES) - 1)[:, 0]
        paths = [self.generate(CLASSES[f], key=child) for f, child in zip(family, children, strict=True)]
        return Labelled(points=np.stack(paths), family=family)


def _velocity(motion: Motion) -> Float[np.ndarray, "k 3"]:
    return motion.speed[:, None] * motion.forward + motion.climb[:, None] * UP


def _circle(angle: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n 3"]:
    return np.stack([np.cos(angle), np.sin(angle), np.zeros_like(angle)], axis=-1)


def _arc(times: Times, motion: Motion, angle: Float[np.ndarray, "k"] | float) -> Positions:
    """Turn by ``angle`` (radians, left is positive) in ``motion.turn`` seconds, in a plane that leans sideways."""
    turned = times[:, None] * angle / motion.turn
    side = np.sign(angle)
    left = np.cos(motion.tilt)[:, None] * motion.left + np.sin(motion.tilt)[:, None] * UP
    along = np.sin(np.abs(turned))[..., None] * motion.forward
    across = (side * (1 - np.cos(turned)))[..., None] * left
    return motion.start + motion.radius[:, None] * (along + across)
