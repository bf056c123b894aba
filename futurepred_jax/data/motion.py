"""Factors of motions: what an object's path follows from, in SI units, each drawn from the stream of its own name."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from futurepred_jax.data import counter_random

UP = np.array([0.0, 0.0, 1.0])

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
"""Factors that every object has, whatever its family."""

_ONCE = dict.fromkeys(RANGES, 1)


class Motion(NamedTuple):
    """Factors of ``k`` motions, in the units of ``RANGES``; a family uses those that it needs, or draws its own."""

    start: Float[np.ndarray, "k 3"]  # at time 0; of waves and walks, of the line or point that they swing about
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
    rest: Float[np.ndarray, "k"]  # metres, height of the centre of an object that lies on the ground
    turn: Float[np.ndarray, "k"]  # seconds that a turn takes
    world: Int[np.ndarray, "k"]  # objects of one world meet; those of two never do
    element: Int[np.ndarray, "k"]  # number of the object's draws
    key: counter_random.Key

    @property
    def velocity(self) -> Float[np.ndarray, "k 3"]:
        """Along the heading, and up or down, m/s."""
        return self.speed[:, None] * self.forward + self.climb[:, None] * UP

    def take(self, index: Int[np.ndarray, "n"] | slice) -> "Motion":
        """Some of the motions."""
        return Motion(*(factor[index] for factor in self[:-1]), key=self.key)

    def factor(self, name: str, low: float, high: float, size: int = 1) -> Float[np.ndarray, "k {size}"]:
        """Draw a factor that few families need, from the uniform distribution on (low, high)."""
        return counter_random.uniform(self.key, self.element, name, size, low, high)


def draw_motion(
    key: counter_random.Key,
    element: Int[np.ndarray, "k"],
    *,
    rest: Float[np.ndarray, "k"],
    turn: float,
    world: Int[np.ndarray, "k"] | None = None,
    gravity: tuple[float, float] = RANGES["gravity"],
) -> Motion:
    """Draw a motion for each element.

    Args:
        key: the clip's.
        element: numbers of the draws.
        rest: height of an object's centre when it lies on the ground, metres.
        turn: seconds that a turn takes.
        world: which objects may meet; by default each is alone.
        gravity: its range, m/s².
    """
    numbers = counter_random.uniform_of(key, element, _ONCE)
    ranges = RANGES | {"gravity": gravity}
    scaled = {name: low + (high - low) * numbers[name][:, 0] for name, (low, high) in ranges.items()}
    start = np.stack([scaled.pop("x"), scaled.pop("y"), scaled.pop("z")], axis=-1)
    forward = circle(scaled.pop("heading"))
    left = np.stack([-forward[:, 1], forward[:, 0], forward[:, 2]], axis=-1)
    world = np.arange(len(element)) if world is None else world
    turns = np.full_like(rest, turn)
    return Motion(start, forward, left, **scaled, rest=rest, turn=turns, world=world, element=element, key=key)


def circle(angle: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n 3"]:
    """Points of the level unit circle."""
    return np.stack([np.cos(angle), np.sin(angle), np.zeros_like(angle)], axis=-1)
