"""What becomes of the clutter: objects that stay must stay, those that come and go must end when they end.

Clutter has no colour of its own to be tracked by. Whether an object is in a picture is asked of the pixels where it
is, or would be: they must be nearer to a drawing with it than to one without.
"""

from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from einops import rearrange
from jaxtyping import Array, Bool, Float, Int

from futurepred_jax.metrics.tracking import Unit, least_area, mostly_visible

PRESENT = 0.5  # share of the squared contrast, with against without the object, that a picture must explain
CONTRAST = 0.05  # root mean squared difference, of [0, 1], from which an object can be told from what is behind it


class Drawings(NamedTuple):
    """The true future drawn twice more, from ``floors``: without clutter, and with transients that do not end."""

    without: Unit
    lasting: Unit
    lasting_instance: Int[Array, "b t h w"]


class Clutter(NamedTuple):
    """Which object slots to ask for, frame by frame: persistent ones, transients that live on, transients that ended.

    Only transients alive at some time of the context are asked for: no other can be foreseen.
    """

    drawings: Drawings
    instance: Int[Array, "b t h w"]
    persistent: Bool[Array, "b t k"]
    living: Bool[Array, "b t k"]
    ended: Bool[Array, "b t k"]


class Tallied(NamedTuple):
    """How many of the objects asked for are in the picture."""

    present: Float[Array, "b t"]
    asked: Float[Array, "b t"]


class ClutterScores(NamedTuple):
    """Persistent objects, living transients and ended ones; of the last, none should be there."""

    persistent: Tallied
    living: Tallied
    ended: Tallied


def clutter_of(
    batch: Mapping[str, np.ndarray], drawings: Drawings, *, context: int, roles: Mapping[str, int]
) -> Clutter:
    """Sorts a batch of clips' objects, for as many frames after the context as the drawings have.

    Args:
        batch: ``instance``, ``alive``, ``exists``, ``role``, ``visible_px`` and ``amodal_px`` of the whole clips.
        drawings: Of the future.
        context: Frames.
        roles: Number of each role.
    """
    future = slice(context, context + drawings.without.shape[1])
    instance, alive = batch["instance"][:, future], batch["alive"][:, future]
    visible, amodal = batch["visible_px"][:, future], batch["amodal_px"][:, future]
    known = batch["alive"][:, :context].any(axis=1) & batch["exists"]
    seen = mostly_visible(visible, amodal, instance.shape[2])
    is_persistent, is_transient = (
        ((batch["role"] == roles[role]) & known)[:, None] for role in ("persistent", "transient")
    )
    return Clutter(
        drawings=drawings,
        instance=jnp.asarray(instance, jnp.int32),
        persistent=jnp.asarray(is_persistent & alive & seen),
        living=jnp.asarray(is_transient & alive & seen),
        ended=jnp.asarray(is_transient & ~alive & batch["alive"][:, context - 1 : context]),
    )


@jax.jit
def clutter_scores(video: Unit, truth: Unit, clutter: Clutter) -> ClutterScores:
    """Asks for every object of the clutter."""
    drawings, slots = clutter.drawings, clutter.persistent.shape[-1]
    here = _present(video, truth, drawings.without, clutter.instance, slots)
    still = _present(video, drawings.lasting, truth, drawings.lasting_instance, slots)
    return ClutterScores(
        persistent=_tally(here, clutter.persistent),
        living=_tally(here, clutter.living),
        ended=_tally(still, clutter.ended),
    )


class _Presence(NamedTuple):
    present: Bool[Array, "b t k"]
    telling: Bool[Array, "b t k"]  # enough pixels, and enough contrast, to say so


def _present(video: Unit, having: Unit, lacking: Unit, instance: Int[Array, "b t h w"], slots: int) -> _Presence:
    """Whether a video explains PRESENT of the contrast between the drawings with and without each slot's object."""
    squares = jnp.stack(
        [
            jnp.mean((video - having) ** 2, axis=-1),
            jnp.mean((lacking - having) ** 2, axis=-1),
            jnp.ones(video.shape[:-1], video.dtype),
        ],
        axis=-1,
    )
    error, contrast, area = jnp.moveaxis(_sum_by_slot(squares, instance, slots), -1, 0)
    telling = (area >= least_area(video.shape[2])) & (contrast >= CONTRAST**2 * area)
    return _Presence(error <= (1 - PRESENT) * contrast, telling)


def _sum_by_slot(
    values: Float[Array, "b t h w n"], instance: Int[Array, "b t h w"], slots: int
) -> Float[Array, "b t k n"]:
    """Sums over the pixels of each slot's object; an instance is a slot + 1, and 0 is the background."""
    b, t = instance.shape[:2]
    frame = rearrange(jnp.arange(b * t), "(b t) -> b t 1 1", b=b)
    segment = frame * (slots + 1) + instance
    sums = jax.ops.segment_sum(
        rearrange(values, "b t h w n -> (b t h w) n"), segment.ravel(), num_segments=b * t * (slots + 1)
    )
    return rearrange(sums, "(b t k) n -> b t k n", b=b, t=t)[:, :, 1:]


def _tally(presence: _Presence, asked: Bool[Array, "b t k"]) -> Tallied:
    asked = asked & presence.telling
    return Tallied(
        present=jnp.sum(presence.present & asked, axis=-1).astype(jnp.float32),
        asked=jnp.sum(asked, axis=-1).astype(jnp.float32),
    )
