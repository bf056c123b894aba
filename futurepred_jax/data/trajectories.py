"""Motions by name: where objects are, how fast, and what they meet."""

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from futurepred_jax.data import collisions, counter_random, families
from futurepred_jax.data.families import Positions, Times
from futurepred_jax.data.motion import Motion, draw_motion

TURN_SECONDS = 2.5  # a turn spans a training clip, and at least this: a loop in 9 frames at 6 fps would run at 5 m/s
MOMENT = 1e-7  # seconds over which a velocity is measured

FAMILIES: dict[str, Callable[[Times, Motion], Positions]] = {
    "static": families.static,
    "straight": families.straight,
    "left_turn": families.left_turn,
    "right_turn": families.right_turn,
    "u_turn": families.u_turn,
    "loop": families.loop,
    "circular": families.circular,
    "helix": families.helix,
    "ballistic": families.ballistic,
    "sinusoid": families.sinusoid,
    "drag": families.drag,
    "spline": families.spline,
    "random_walk": families.random_walk,
    "collisions": lambda times, motion: collisions.roll(times, motion).position,
    "spiral": families.spiral,
    "lissajous": families.lissajous,
}
"""Motions by name; an object's ``family`` is the place of its name here, so that new rows go to the end."""


class Contacts(NamedTuple):
    """What objects met since the frame before, or, in the first frame, since time 0."""

    bounce: Bool[np.ndarray, "t k"]  # ground or wall
    met: Int[np.ndarray, "t k"]  # index of another object, or −1


def _bounces(times: Times, motion: Motion) -> Contacts:
    count = families.bounces(times, motion)
    return Contacts(np.diff(count, axis=0, prepend=0) > 0, np.full(count.shape, collisions.NOBODY))


def _collisions(times: Times, motion: Motion) -> Contacts:
    _, bounced, met = collisions.roll(times, motion)
    return Contacts(bounced, met)


CONTACTS: dict[str, Callable[[Times, Motion], Contacts]] = {"ballistic": _bounces, "collisions": _collisions}
"""What is met, by the families that meet anything."""

GROUNDED = tuple(CONTACTS)
"""Families whose objects touch the ground, and so stay upright."""
JOINT = "collisions"
"""The family whose objects meet: either all targets of a clip belong to it or none."""
IRREDUCIBLE = ("random_walk",)
"""Families whose future no context tells."""


def positions(times: Times, family: Int[np.ndarray, "k"], motion: Motion) -> Positions:
    """Positions of objects of several families."""
    order = np.argsort(family, kind="stable")  # so that a family's objects are one slice, which costs no copy
    ends = np.searchsorted(family[order], np.arange(len(FAMILIES) + 1)).tolist()
    motion = motion.take(order)
    result = np.empty((len(times), len(family), 3))
    for function, start, end in zip(FAMILIES.values(), ends, ends[1:], strict=False):
        if start < end:
            result[:, order[start:end]] = function(times, motion.take(slice(start, end)))
    return result


def velocities(times: Times, family: Int[np.ndarray, "k"], motion: Motion) -> Float[np.ndarray, "t k 3"]:
    """Velocities just after each time, m/s: right of a corner, exact where an acceleration is constant."""
    moments = (times[:, None] + MOMENT * np.arange(3)).ravel()
    here, soon, later = positions(moments, family, motion).reshape(len(times), 3, -1, 3).swapaxes(0, 1)
    return (4 * soon - 3 * here - later) / (2 * MOMENT)


def contacts(times: Times, family: Int[np.ndarray, "k"], motion: Motion) -> Contacts:
    """What objects of several families met."""
    shape = (len(times), len(family))
    found = Contacts(np.zeros(shape, bool), np.full(shape, collisions.NOBODY))
    for name, meet in CONTACTS.items():
        index = np.flatnonzero(family == tuple(FAMILIES).index(name))
        if len(index):
            bounce, met = meet(times, motion.take(index))
            found.bounce[:, index] = bounce
            found.met[:, index] = np.where(met < 0, collisions.NOBODY, index[met])
    return found


@dataclasses.dataclass(frozen=True)
class Labelled:
    """Trajectories with their families."""

    points: Float[np.ndarray, "b n 3"]
    family: Int[np.ndarray, "b"]  # index into ``CLASSES``


CLASSES = ("straight", "left_turn", "right_turn", "u_turn", "loop")
"""The classes of motion of the generator below."""


@dataclasses.dataclass(frozen=True)
class TrajectoryGenerator:
    """Draws labelled paths without a scene or a camera, as a data set for models of trajectories alone.

    Each path has ``num_points`` points, evenly spaced in time. Heading, start, size and speed are random; a turn is
    completed at the last point, so its speed follows from its radius. This class is part of the public interface; the
    clips themselves do not use it.

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

    def generate(self, name: str, *, key: counter_random.Key) -> Float[np.ndarray, "n 3"]:
        """Draw one path of a family.

        Raises:
            ValueError: the family is unknown.
        """
        if name not in FAMILIES:
            raise ValueError(f"unknown family {name!r}; known are {', '.join(FAMILIES)}")
        motion = draw_motion(key, np.zeros(1, np.int64), rest=np.zeros(1), turn=self.duration)
        path = FAMILIES[name](np.linspace(0, self.duration, self.num_points), motion)[:, 0]
        return path + self.noise * counter_random.normal(key, np.arange(self.num_points), "jitter", 3)

    def batch(self, count: int, *, key: counter_random.Key) -> Labelled:
        """Draw ``count`` paths of the five classes, each class equally likely; the i-th follows from (key, i)."""
        children = counter_random.bits(key, np.arange(count), "child", 2)
        family = counter_random.integers(key, np.arange(count), "class", low=0, high=len(CLASSES) - 1)[:, 0]
        paths = [self.generate(CLASSES[f], key=child) for f, child in zip(family, children, strict=True)]
        return Labelled(points=np.stack(paths), family=family)
