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
class MotionSampler:
    """Draws motions for the objects of one clip, at given times and in view of its camera."""

    key: counter_random.Key
    times: Float[np.ndarray, "t"]
    view: Pose
    turn: float
    gravity: tuple[float, float]

    def sample(self, cast: Cast, tries: Int[np.ndarray, "a"] | Int[np.ndarray, "k a"]) -> Motion:
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


class CandidateMotions(NamedTuple):
    """Motions that each object may take, by number, with those that suit it by itself."""

    first: int  # number of the first
    position: Float[np.ndarray, "t k a 3"]
    fits: Bool[np.ndarray, "k a"]

    def take(self, index: Int[np.ndarray, "n"]) -> "CandidateMotions":
        """Those of some of the objects."""
        return CandidateMotions(self.first, self.position[:, index], self.fits[index])


class Placements(NamedTuple):
    """The places that objects have found so far; its arrays are written in place."""

    centre: Float[np.ndarray, "t k 3"]
    number: Int[np.ndarray, "k"]  # of the try that was taken, −1 before
    reach: Float[np.ndarray, "k"]
    birth: Int[np.ndarray, "k"]  # first frame

    @property
    def placed(self) -> Bool[np.ndarray, "k"]:
        """Which objects have a place."""
        return self.number >= 0


def place(cast: Cast, sampler: MotionSampler) -> Placed:
    """Draw a motion for each object: in view, above the ground, and starting outside the objects there before it.

    Clutter has eight tries, a target thousands, since of those that go straight few stay in view for twenty seconds.
    What finds no place is left out. Clutter comes after the targets and does not change them.

    Args:
        cast: the objects, targets first.
        sampler: draws the motions, at the times and for the view of the clip.
    """
    unplaced = np.full(len(cast.role), -1)
    placements = Placements(np.zeros((*cast.alive.shape, 3)), unplaced, cast.reach, cast.alive.argmax(axis=0))
    targets, others = np.flatnonzero(cast.role == TARGET), np.flatnonzero(cast.role != TARGET)
    candidates = _draw(cast, sampler, 0, TRIES)
    if (cast.family[targets] == NAMES.index(JOINT)).any():
        _place_together(cast, sampler, targets, placements)
    else:
        _place_targets(cast, sampler, targets, candidates, placements)
    _place_each(cast, others, candidates.take(others), placements)
    index = np.flatnonzero(placements.placed)
    placed = cast.take(index)
    motion = sampler.sample(placed, placements.number[index, None])._replace(world=np.zeros(len(index), np.int64))
    return Placed(placed, placements.centre[:, index], motion, int((~placements.placed[targets]).sum()))


def in_view(view: Pose, position: Float[np.ndarray, "t k 3"]) -> Bool[np.ndarray, "t k"]:
    """Tells which points lie in the picture."""
    aside = np.abs(project(view, position).pixel - view.principal).max(axis=-1)  # NaN behind the eye
    return aside <= view.principal + 0.5


def _draw(cast: Cast, sampler: MotionSampler, first: int, count: int) -> CandidateMotions:
    motion = sampler.sample(cast, first + np.arange(count))
    position = positions(sampler.times, np.repeat(cast.family, count), motion)
    seen = rearrange(in_view(sampler.view, position), "t (k a) -> t k a", a=count)
    position = rearrange(position, "t (k a) d -> t k a d", a=count)
    return CandidateMotions(first, position, _fits(cast, position, seen))


def _fits(
    cast: Cast, position: Float[np.ndarray, "t k a 3"], seen: Bool[np.ndarray, "t k a"]
) -> Bool[np.ndarray, "k a"]:
    """Tells which motions are seen, stay above the ground and keep away from the camera while the object lives."""
    alive = cast.alive[..., None]
    share = (seen & alive).sum(axis=0) / alive.sum(axis=0)
    height = position[..., 2]
    above = (height >= cast.clearance[:, None] - 1e-6) & (height <= CEILING)
    near = position[..., 0] ** 2 + position[..., 1] ** 2 <= REACH**2
    return (share >= IN_VIEW) & ((above & near) | ~alive).all(axis=0)


def _place_targets(
    cast: Cast,
    sampler: MotionSampler,
    index: Int[np.ndarray, "n"],
    candidates: CandidateMotions,
    placements: Placements,
) -> None:
    """Place targets, drawing more motions, round after round, for those that found none among ``candidates``."""
    _place_each(cast, index, candidates.take(index), placements)
    first = TRIES
    for count in ROUNDS[1:]:
        missing = index[~placements.placed[index]]
        if len(missing) == 0:
            return
        _place_each(cast, missing, _draw(cast.take(missing), sampler, first, count), placements)
        first += count


def _place_each(cast: Cast, index: Int[np.ndarray, "n"], candidates: CandidateMotions, placements: Placements) -> None:
    """Give some objects in turn the first of their fitting motions that starts outside those which are there."""
    for row, i in enumerate(index):
        birth = placements.birth[i]
        there = np.flatnonzero(placements.placed & cast.alive[birth])
        apart = np.square(candidates.position[birth, row, :, None] - placements.centre[birth, there]).sum(axis=-1)
        free = candidates.fits[row] & (apart > (placements.reach[there] + placements.reach[i]) ** 2).all(axis=1)
        if free.any():
            placements.centre[:, i] = candidates.position[:, row, free.argmax()]
            placements.number[i] = candidates.first + free.argmax()


def _place_together(cast: Cast, sampler: MotionSampler, index: Int[np.ndarray, "n"], placements: Placements) -> None:
    """Give objects that meet the first try in which all fit and start apart; the last is left out where none does."""
    while len(index):
        group, reach = cast.take(index), placements.reach[index]
        room = np.square(reach[:, None] + reach) * ~np.eye(len(index), dtype=bool)
        for first in range(0, TRIES * TRIES, TRIES):
            _, position, fits = _draw(group, sampler, first, TRIES)
            start = rearrange(position[0], "k a d -> a k d")
            apart = np.square(start[:, :, None] - start[:, None]).sum(axis=-1) >= room
            free = fits.all(axis=0) & apart.all(axis=(1, 2))
            if free.any():
                placements.centre[:, index] = position[:, :, free.argmax()]
                placements.number[index] = first + free.argmax()
                return
        index = index[:-1]
