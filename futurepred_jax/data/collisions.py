"""Balls that fall, bounce off ground and walls and hit one another: semi-implicit Euler steps with impulses.

Between two steps a ball moves on a line, so that its place is known at any time. Compiled; no transcendental
functions: the same bits on every machine of an architecture.
"""

from typing import NamedTuple, no_type_check

import numpy as np
from jaxtyping import Bool, Float, Int
from numba import njit

from futurepred_jax.data.motion import UP, Motion

SUBSTEP = 1 / 48  # seconds: 8 a frame at 6 fps
WALL = 3.0  # metres from the arena's axis
HASTE = 1.5  # times the speed of other families: balls must meet within a clip
AIM = 0.5  # metres from the arena's axis that a ball heads for
RESTING = 0.35  # m/s: a ball that meets the ground slower stays on it
FELT = 0.1  # m/s across the surfaces from which on a meeting counts as an event
NOBODY = -1


class Course(NamedTuple):
    """Where balls are, and whom they have met since the time before."""

    position: Float[np.ndarray, "t k 3"]
    bounced: Bool[np.ndarray, "t k"]  # off the ground or a wall
    met: Int[np.ndarray, "t k"]  # index of another ball, or −1


def roll(times: Float[np.ndarray, "t"], motion: Motion) -> Course:
    """Follow balls whose radius is ``motion.rest`` and whose mass grows with its cube; those of one world meet.

    Args:
        times: seconds, growing, from 0 on.
        motion: of the balls.
    """
    aim = AIM * motion.forward - motion.start * [1, 1, 0]
    aim /= np.maximum(np.linalg.norm(aim, axis=-1, keepdims=True), 1e-9)
    velocity = HASTE * motion.speed[:, None] * aim + motion.climb[:, None] * UP
    shape = (len(times), len(motion.rest))
    course = Course(np.empty((*shape, 3)), np.zeros(shape, np.bool_), np.full(shape, NOBODY, np.int64))
    matter = (motion.rest, motion.gravity, motion.restitution, motion.world)
    _roll(np.asarray(times, np.float64), motion.start.copy(), velocity, matter, tuple(course))
    return course


_compiled = njit(cache=True, nogil=True, error_model="numpy")


@_compiled
@no_type_check
def _meet(i, j, place, velocity, matter):
    """Push two balls apart along the line between them if they touch; whether they were felt to."""
    radius, _, bounce, _ = matter
    gap, closing = 0.0, 0.0
    for axis in range(3):
        between = place[j, axis] - place[i, axis]
        gap += between * between
        closing += (velocity[j, axis] - velocity[i, axis]) * between
    reach = radius[i] + radius[j]
    if gap >= reach * reach or gap == 0.0 or closing >= 0.0:
        return False
    distance = np.sqrt(gap)
    closing /= distance
    one, two = radius[i] ** 3, radius[j] ** 3
    impulse = -(1.0 + min(bounce[i], bounce[j])) * closing / (one + two)
    for axis in range(3):
        normal = (place[j, axis] - place[i, axis]) / distance
        velocity[i, axis] -= impulse * two * normal
        velocity[j, axis] += impulse * one * normal
    return -closing >= FELT


@_compiled
@no_type_check
def _rebound(i, place, velocity, matter):
    """Turn a ball round where its next step would sink into the ground or a wall; whether that was felt.

    It turns a little above the ground, at the speed that it would have there after it had touched it.
    """
    radius, gravity, bounce, _ = matter
    felt = False
    if place[i, 2] + velocity[i, 2] * SUBSTEP < radius[i] and velocity[i, 2] < 0.0:
        lift = 2.0 * gravity[i] * (place[i, 2] - radius[i])
        square = bounce[i] * bounce[i] * (velocity[i, 2] * velocity[i, 2] + lift) - lift
        felt = velocity[i, 2] <= -RESTING and square > 0.0
        velocity[i, 2] = np.sqrt(square) if felt else 0.0
        place[i, 2] = place[i, 2] if felt else radius[i]  # it comes to rest, from some millimetres above the ground
    for axis in range(2):
        ahead = place[i, axis] + velocity[i, axis] * SUBSTEP
        if abs(ahead) > WALL - radius[i] and ahead * velocity[i, axis] > 0.0:
            felt = felt or abs(velocity[i, axis]) >= FELT
            velocity[i, axis] *= -bounce[i]
    return felt


@_compiled
@no_type_check
def _kick(place, velocity, matter, bounced, met):
    """Change velocities by gravity and by what a ball touches."""
    _, gravity, _, world = matter
    count = len(gravity)
    for i in range(count):
        velocity[i, 2] -= gravity[i] * SUBSTEP
    for i in range(count):
        for j in range(i + 1, count):
            if world[i] == world[j] and _meet(i, j, place, velocity, matter):
                met[i], met[j] = j, i
    for i in range(count):
        if _rebound(i, place, velocity, matter):
            bounced[i] = True


@_compiled
@no_type_check
def _roll(times, place, velocity, matter, course):
    position, bounced, met = course
    steps = 0
    _kick(place, velocity, matter, bounced[0], met[0])
    for t in range(len(times)):
        while (steps + 1) * SUBSTEP <= times[t] + 1e-9:
            for i in range(len(place)):
                for axis in range(3):
                    place[i, axis] += velocity[i, axis] * SUBSTEP
            _kick(place, velocity, matter, bounced[t], met[t])
            steps += 1
        for i in range(len(place)):
            for axis in range(3):
                position[t, i, axis] = place[i, axis] + velocity[i, axis] * (times[t] - steps * SUBSTEP)
