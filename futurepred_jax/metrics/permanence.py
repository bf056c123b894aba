"""Object permanence: whether hidden objects are found where they reappear, and are not visible while hidden."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from futurepred_jax.metrics.tracking import REACH, Targets, Tracks, radius

HIDDEN = 2  # an object counts as hidden from this many frames in a row without a visible pixel
RETURN = 2  # it should be found in this many frames, the first ones in which it is evaluable again


class Events(NamedTuple):
    """When targets are hidden behind something, and when they reappear.

    Attributes:
        hidden: No pixel of the target has been visible for at least ``HIDDEN`` frames.
        returned: The frame is one of the first ``RETURN`` frames in which a hidden target is evaluable again.
    """

    hidden: Bool[Array, "b t k"]
    returned: Bool[Array, "b t k"]


class Permanence(NamedTuple):
    """What a tracker found, held against the true events.

    Attributes:
        found: The target is detected within ``REACH`` of its radii from its true place.
        error: Distance in px from the place found to the true place.
        found_while_hidden: The target is detected although it is truly hidden.
        events: The true events.
    """

    found: Bool[Array, "b t k"]
    error: Float[Array, "b t k"]
    found_while_hidden: Bool[Array, "b t k"]
    events: Events


def events_of(covered: Bool[np.ndarray, "b t k"], evaluable: Bool[np.ndarray, "b t k"], first: int) -> Events:
    """Finds the events in whole clips and returns those of the frames from ``first`` on.

    Args:
        covered: True where no pixel of the object is visible, although it is alive and in the frame.
        evaluable: True where enough of the object is visible to score it, see ``tracking.evaluable``.
        first: Number of the first scored frame. Frames before it only serve to tell what is already hidden.
    """
    run, left = np.zeros((2, *covered[:, 0].shape), int)
    hidden, returned = np.zeros_like(covered), np.zeros_like(covered)
    for t in range(covered.shape[1]):
        run = np.where(covered[:, t], run + 1, run * ~evaluable[:, t])
        hidden[:, t] = covered[:, t] & (run >= HIDDEN)
        left = np.where(hidden[:, t], RETURN, left)
        returned[:, t] = evaluable[:, t] & (left > 0)
        left = left - returned[:, t]
    return Events(jnp.asarray(hidden[:, first:]), jnp.asarray(returned[:, first:]))


@partial(jax.jit, static_argnames="height")
def permanence(tracks: Tracks, targets: Targets, events: Events, *, height: int) -> Permanence:
    """Compares a tracker's findings with the true events.

    Args:
        tracks: Places found in the prediction.
        targets: The true targets.
        events: When each target is hidden and when it reappears.
        height: Height of the frames in pixels.
    """
    error = jnp.linalg.norm(tracks.place - targets.place, axis=-1)
    near = error <= REACH * radius(targets.amodal_px, height)
    return Permanence(tracks.detected & near, error, tracks.detected & events.hidden, events)
