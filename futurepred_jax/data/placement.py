"""Where objects start and how they move: drawn again, never clamped, until they fit."""

from typing import NamedTuple

import numpy as np
from einops import rearrange
from jaxtyping import Bool, Float, Int

from futurepred_jax.data import random
from futurepred_jax.data.camera import Pose, project
from futurepred_jax.data.cast import TARGET, Cast
from futurepred_jax.data.trajectories import TURN_SECONDS, draw_factors, make_motion, positions

TRIES = 8  # draws of an object's motion, and repeats for a target
IN_VIEW = 0.7  # least share of its frames in which an object's centre is in the picture
REACH = 3 * np.sqrt(2)  # metres from the arena's axis to its corners: no object comes nearer to the camera
CEILING = 4.0  # metres
STRIDE = 2**16  # elements between an object's tries


class Placed(NamedTuple):
    """Objects with their centres."""

    cast: Cast
    position: Float[np.ndarray, "t k 3"]

    def join(self, other: "Placed") -> "Placed":
        """These objects, then the other's."""
        return Placed(self.cast.join(other.cast), np.concatenate([self.position, other.position], axis=1))


class Candidates(NamedTuple):
    """Motions that each object may take, with those that suit it by itself."""

    position: Float[np.ndarray, "t k a 3"]
    fits: Bool[np.ndarray, "k a"]


def place(cast: Cast, key: random.Key, times: Float[np.ndarray, "t"], view: Pose) -> Placed:
    """Draw a motion for each object: in view, above the floor, and starting outside the objects there before it.

    An object has eight tries. A target that finds no place has eight times eight; what then is without a place is
    left out. Clutter comes after the targets and does not change them.

    Args:
        cast: the objects, targets first.
        key: the clip's.
        times: seconds of the frames.
        view: the camera's.
    """
    centre, placed = np.zeros((*cast.alive.shape, 3)), np.zeros(len(cast.role), bool)
    targets, others = np.flatnonzero(cast.role == TARGET), np.flatnonzero(cast.role != TARGET)
    candidates = _draw(cast, key, times, view, 0)
    _seat(cast, targets, candidates, centre, placed)
    for again in range(1, TRIES):
        missing = targets[~placed[targets]]
        if len(missing) == 0:
            break
        _seat(cast, missing, _draw(cast, key, times, view, again), centre, placed)
    _seat(cast, others, candidates, centre, placed)
    index = np.flatnonzero(placed)
    return Placed(cast.take(index), centre[:, index])


def in_view(view: Pose, position: Float[np.ndarray, "t k 3"]) -> Bool[np.ndarray, "t k"]:
    """Tell which points lie in the picture."""
    aside = np.abs(project(view, position).pixel - view.principal).max(axis=-1)  # NaN behind the eye
    return aside <= view.principal + 0.5


def _draw(cast: Cast, key: random.Key, times: Float[np.ndarray, "t"], view: Pose, again: int) -> Candidates:
    tries = TRIES * again + np.arange(TRIES)
    numbers = draw_factors(key, (cast.element[:, None] + STRIDE * tries).ravel())
    turn = max(float(times[-1]), TURN_SECONDS)
    motion = make_motion(numbers, rest=np.repeat(cast.size[:, 2], TRIES), turn=turn)
    position = positions(times, np.repeat(cast.family, TRIES), motion)
    seen = rearrange(in_view(view, position), "t (k a) -> t k a", a=TRIES)
    position = rearrange(position, "t (k a) d -> t k a d", a=TRIES)
    return Candidates(position, _fits(cast, position, seen))


def _fits(
    cast: Cast, position: Float[np.ndarray, "t k a 3"], seen: Bool[np.ndarray, "t k a"]
) -> Bool[np.ndarray, "k a"]:
    """Tell which motions are seen, stay above the floor and keep away from the camera while the object lives."""
    alive = cast.alive[..., None]
    share = (seen & alive).sum(axis=0) / alive.sum(axis=0)
    height = position[..., 2]
    above = (height >= cast.size[:, None, 2] - 1e-6) & (height <= CEILING)
    near = position[..., 0] ** 2 + position[..., 1] ** 2 <= REACH**2
    return (share >= IN_VIEW) & ((above & near) | ~alive).all(axis=0)


def _seat(
    cast: Cast,
    index: Int[np.ndarray, "n"],
    candidates: Candidates,
    centre: Float[np.ndarray, "t k 3"],
    placed: Bool[np.ndarray, "k"],
) -> None:
    """Give some objects in turn the first of their fitting motions that starts outside those which are there.

    Fills in ``centre`` and ``placed``.
    """
    reach, births = cast.reach, cast.alive.argmax(axis=0)
    for i in index:
        birth = births[i]
        there = np.flatnonzero(placed & cast.alive[birth])
        apart = np.square(candidates.position[birth, i, :, None] - centre[birth, there]).sum(axis=-1)
        free = candidates.fits[i] & (apart > (reach[there] + reach[i]) ** 2).all(axis=1)
        if free.any():
            centre[:, i] = candidates.position[:, i, free.argmax()]
            placed[i] = True
