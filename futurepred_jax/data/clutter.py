"""What distracts from the targets: objects that stay, objects that come and go, and sensor noise.

Counts grow with the intensity on the same draws, so that at one index a higher level adds to what a lower one has.
"""

import dataclasses
import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from futurepred_jax.data import counter_random
from futurepred_jax.data.scene import ROLES, Noise
from futurepred_jax.data.spec import CAPACITY, ClutterSpec

PERSISTENT = 4.0  # expected number at intensity 1
BIRTHS = 0.6  # transients born a frame at intensity 1
LONGEST = 6  # frames of a transient's life
AT_ONCE = 5  # transients alive in one frame
NOISE = Noise(sigma=0.08, salt=0.03, flicker=0.06, dropped=0.03)  # the most, at intensity 1

_FIRST_PERSISTENT, _FIRST_TRANSIENT = 100, 200  # elements of the draws; a transient's grows with its birth


class Lives(NamedTuple):
    """Which clutter there is when."""

    element: Int[np.ndarray, "k"]
    role: Int[np.ndarray, "k"]
    alive: Bool[np.ndarray, "t k"]


def draw_lives(spec: ClutterSpec, key: counter_random.Key, number: Float[np.ndarray, "1"]) -> Lives:
    """Draw persistent objects, as many as ``number`` in (0, 1) says, and transient ones in order of birth."""
    count = min(_poisson(float(number[0]), PERSISTENT * spec.intensities.persistent), CAPACITY["persistent"])
    births, alive = transient_lives(key, spec.length, BIRTHS * spec.intensities.transient)
    return Lives(
        element=np.concatenate([_FIRST_PERSISTENT + np.arange(count), _FIRST_TRANSIENT + births]),
        role=np.repeat([ROLES.index("persistent"), ROLES.index("transient")], [count, len(births)]),
        alive=np.concatenate([np.ones((spec.length, count), bool), alive], axis=1),
    )


def transient_lives(
    key: counter_random.Key, frames: int, rate: float
) -> tuple[Int[np.ndarray, "k"], Bool[np.ndarray, "t k"]]:
    """Draw who lives when, with ``rate`` births a frame (at most one) and lives of 1 to 6 frames, [birth, death).

    Births begin before the clip, so that its first frame is as full as any. Births beyond 5 at once, or 20 a clip,
    do not take place.

    Returns:
        numbers of the births, which grow with time, and the frames that each sees.
    """
    count = frames + LONGEST - 1
    chance, length = counter_random.uniform(key, np.arange(count), "birth", 2).T
    birth = np.arange(count) - (LONGEST - 1)
    death = birth + 1 + counter_random.pick(length, LONGEST)
    born = np.flatnonzero((chance < rate) & (death > 0))
    born = np.sort(born[np.argsort(chance[born], kind="stable")][: CAPACITY["transient"]])
    time = np.arange(frames)[:, None]
    alive = (birth[born] <= time) & (time < death[born])
    crowd, kept = np.zeros(frames, int), []
    for i, life in enumerate(alive.T):
        if (crowd + life).max() <= AT_ONCE:
            crowd += life
            kept.append(i)
    return born[kept], alive[:, kept]


def draw_noise(spec: ClutterSpec, numbers: Float[np.ndarray, "4"]) -> Noise:
    """Turn numbers in (0, 1) to a clip's noise: between half and all of what the intensity allows."""
    most = dataclasses.astuple(NOISE)
    return Noise(*(float(x) for x in spec.intensities.noise * (0.5 + numbers / 2) * most))


def _poisson(number: float, mean: float) -> int:
    """Turn a number in (0, 1) to a Poisson count by inverting the distribution function."""
    count, chance = 0, math.exp(-mean)
    below = chance
    while number > below and count < 100:
        count += 1
        chance *= mean / count
        below += chance
    return count
