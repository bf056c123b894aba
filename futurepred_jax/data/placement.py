"""Where objects start and how they move: drawn again, never clamped, until they fit."""

import dataclasses
from typing import NamedTuple

import numpy as np
from einops import rearrange
from jaxtyping import Bool, Float, Int

from futurepred_jax.data import counter_random
from futurepred_jax.data.camera import Pose, project
from futurepred_jax.data.cast import NAMES, TARGET, Cast
from futurepred_jax.data.motion import Motion, draw_motion
from futurepred_jax.data.trajectories import JOINT, positions

TRIES = 8  # draws of an object's motion
ROUNDS = (TRIES,) * TRIES + tuple(2**n for n in range(6, 15))  # of a target's, until one fits: 32,768 in all
IN_VIEW = 0.7  # least share of its frames in which an object's centre is in the picture
REACH = 3 * np.sqrt(2)  # metres from the arena's axis to its corners: no object comes nearer to the camera
CEILING = 4.0  # metres
STRIDE = 2**16  # elements between an object's tries


@dataclasses.dataclass(frozen=True)
class Stage:
    """What motions are drawn for: times of the frames as motions count them, the camera's view, and the world."""

    key: counter_random.Key
    times: Float[np.ndarray, "t"]
    view: Pose
    turn: float
    gravity: tuple[float, float]

    def motion(self, cast: Cast, tries: Int[np.ndarray, "a"] | Int[np.ndarray, "k a"]) -> Motion:
        """Draw some of each object's tries, by their numbers, object after object."""
        tries = np.broadcast_to(tries, (len(cast.role), tries.shape[-1]))
        return draw_motion(
            self.key,
            (cast.element[:, None] + STRIDE * tries).ravel(),
            rest=np.repeat(cast.clearance, tries.shape[1]),
            turn=self.turn,
            world=tries.ravel(),
            gravity=self.gravity,
        )


class Placed(NamedTuple):
    """Objects with their centres; those that were placed come first and have a motion."""

    cast: Cast
    position: Float[np.ndarray, "t k 3"]
    motion: Motion
    left_out: int  # targets that found no place

    def join(self, cast: Cast, position: Float[np.ndarray, "t n 3"]) -> "Placed":
        """These objects, then others, which stand still."""
        both = np.concatenate([self.position, position], axis=1)
        return self._replace(cast=self.cast.join(cast), position=both)


class Candidates(NamedTuple):
    """Motions that each object may take, by number, with those that suit it by itself."""

    first: int  # number of the first
    position: Float[np.ndarray, "t k a 3"]
    fits: Bool[np.ndarray, "k a"]

    def take(self, index: Int[np.ndarray, "n"]) -> "Candidates":
        """Those of some of the objects."""
        return Candidates(self.first, self.position[:, index], self.fits[index])


class Seats(NamedTuple):
    """Filled in as objects find their places."""

    centre: Float[np.ndarray, "t k 3"]
    number: Int[np.ndarray, "k"]  # of the try that was taken, −1 before
    reach: Float[np.ndarray, "k"]
    birth: Int[np.ndarray, "k"]  # first frame

    @property
    def taken(self) -> Bool[np.ndarray, "k"]:
        """Objects with a place."""
        return self.number >= 0


def place(cast: Cast, stage: Stage) -> Placed:
    """Draw a motion for each object: in view, above the ground, and starting outside the objects there before it.

    Clutter has eight tries, a target thousands, since of those that go straight few stay in view for twenty seconds.
    What finds no place is left out. Clutter comes after the targets and does not change them.

    Args:
        cast: the objects, targets first.
        stage: what they must fit.
    """
    unseated = np.full(len(cast.role), -1)
    seats = Seats(np.zeros((*cast.alive.shape, 3)), unseated, cast.reach, cast.alive.argmax(axis=0))
    targets, others = np.flatnonzero(cast.role == TARGET), np.flatnonzero(cast.role != TARGET)
    candidates = _draw(cast, stage, 0, TRIES)
    if (cast.family[targets] == NAMES.index(JOINT)).any():
        _seat_together(cast, stage, targets, seats)
    else:
        _seat_targets(cast, stage, targets, candidates, seats)
    _seat(cast, others, candidates.take(others), seats)
    index = np.flatnonzero(seats.taken)
    placed = cast.take(index)
    motion = stage.motion(placed, seats.number[index, None])._replace(world=np.zeros(len(index), np.int64))
    return Placed(placed, seats.centre[:, index], motion, int((~seats.taken[targets]).sum()))


def in_view(view: Pose, position: Float[np.ndarray, "t k 3"]) -> Bool[np.ndarray, "t k"]:
    """Tell which points lie in the picture."""
    aside = np.abs(project(view, position).pixel - view.principal).max(axis=-1)  # NaN behind the eye
    return aside <= view.principal + 0.5


def _draw(cast: Cast, stage: Stage, first: int, count: int) -> Candidates:
    motion = stage.motion(cast, first + np.arange(count))
    position = positions(stage.times, np.repeat(cast.family, count), motion)
    seen = rearrange(in_view(stage.view, position), "t (k a) -> t k a", a=count)
    position = rearrange(position, "t (k a) d -> t k a d", a=count)
    return Candidates(first, position, _fits(cast, position, seen))


def _fits(
    cast: Cast, position: Float[np.ndarray, "t k a 3"], seen: Bool[np.ndarray, "t k a"]
) -> Bool[np.ndarray, "k a"]:
    """Tell which motions are seen, stay above the ground and keep away from the camera while the object lives."""
    alive = cast.alive[..., None]
    share = (seen & alive).sum(axis=0) / alive.sum(axis=0)
    height = position[..., 2]
    above = (height >= cast.clearance[:, None] - 1e-6) & (height <= CEILING)
    near = position[..., 0] ** 2 + position[..., 1] ** 2 <= REACH**2
    return (share >= IN_VIEW) & ((above & near) | ~alive).all(axis=0)


def _seat_targets(cast: Cast, stage: Stage, index: Int[np.ndarray, "n"], candidates: Candidates, seats: Seats) -> None:
    """Seat targets, drawing more motions, round after round, for those that found none among ``candidates``."""
    _seat(cast, index, candidates.take(index), seats)
    first = TRIES
    for count in ROUNDS[1:]:
        missing = index[~seats.taken[index]]
        if len(missing) == 0:
            return
        _seat(cast, missing, _draw(cast.take(missing), stage, first, count), seats)
        first += count


def _seat(cast: Cast, index: Int[np.ndarray, "n"], candidates: Candidates, seats: Seats) -> None:
    """Give some objects in turn the first of their fitting motions that starts outside those which are there."""
    for row, i in enumerate(index):
        birth = seats.birth[i]
        there = np.flatnonzero(seats.taken & cast.alive[birth])
        apart = np.square(candidates.position[birth, row, :, None] - seats.centre[birth, there]).sum(axis=-1)
        free = candidates.fits[row] & (apart > (seats.reach[there] + seats.reach[i]) ** 2).all(axis=1)
        if free.any():
            seats.centre[:, i] = candidates.position[:, row, free.argmax()]
            seats.number[i] = candidates.first + free.argmax()


def _seat_together(cast: Cast, stage: Stage, index: Int[np.ndarray, "n"], seats: Seats) -> None:
    """Give objects that meet the first try in which all fit and start apart; the last is left out where none does."""
    while len(index):
        group, reach = cast.take(index), seats.reach[index]
        room = np.square(reach[:, None] + reach) * ~np.eye(len(index), dtype=bool)
        for first in range(0, TRIES * TRIES, TRIES):
            _, position, fits = _draw(group, stage, first, TRIES)
            start = rearrange(position[0], "k a d -> a k d")
            apart = np.square(start[:, :, None] - start[:, None]).sum(axis=-1) >= room
            free = fits.all(axis=0) & apart.all(axis=(1, 2))
            if free.any():
                seats.centre[:, index] = position[:, :, free.argmax()]
                seats.number[index] = first + free.argmax()
                return
        index = index[:-1]
