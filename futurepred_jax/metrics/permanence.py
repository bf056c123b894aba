"""Whether objects out of sight go on: found where they come out, and not drawn while they are hidden."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from futurepred_jax.metrics.tracking import REACH, Targets, Tracks, radius

HIDDEN = 2  # frames without a visible pixel that make an object hidden
RETURN = 2  # frames, the first in which it can be judged again, in which it should be found


class Events(NamedTuple):
    """When targets are hidden by something, and the first frames in which each is seen again."""

    hidden: Bool[Array, "b t k"]
    returned: Bool[Array, "b t k"]


class Permanence(NamedTuple):
    """``found`` within REACH radii where an object ``returned``, ``error`` in px there, ``drawn`` while ``hidden``."""

    found: Bool[Array, "b t k"]
    error: Float[Array, "b t k"]
    drawn: Bool[Array, "b t k"]
    events: Events


def events_of(covered: Bool[np.ndarray, "b t k"], judged: Bool[np.ndarray, "b t k"], first: int) -> Events:
    """Finds the events of whole clips and keeps those of the frames from ``first`` on.

    Args:
        covered: No pixel of the object is visible, though it is alive and in the frame.
        judged: The object is in view well enough to be judged.
        first: Number of the first frame that is scored; an object may have been hidden before.
    """
    run, left = np.zeros((2, *covered[:, 0].shape), int)
    hidden, returned = np.zeros_like(covered), np.zeros_like(covered)
    for t in range(covered.shape[1]):
        run = np.where(covered[:, t], run + 1, run * ~judged[:, t])
        hidden[:, t] = covered[:, t] & (run >= HIDDEN)
        left = np.where(hidden[:, t], RETURN, left)
        returned[:, t] = judged[:, t] & (left > 0)
        left = left - returned[:, t]
    return Events(jnp.asarray(hidden[:, first:]), jnp.asarray(returned[:, first:]))


@partial(jax.jit, static_argnames="height")
def permanence(tracks: Tracks, targets: Targets, events: Events, *, height: int) -> Permanence:
    """Holds a tracker's findings against the events, in frames of ``height`` pixels."""
    error = jnp.linalg.norm(tracks.place - targets.place, axis=-1)
    near = error <= REACH * radius(targets.amodal_px, height)
    return Permanence(tracks.detected & near, error, tracks.detected, events)
