"""Clutter scores: persistent objects must stay in the picture, and transient ones must end when they truly end.

Clutter has no distinctive colours, so it cannot be tracked. Instead, an object counts as present if the pixels where it
is (or would be) are closer to a rendering with the object than to one without it.
"""

from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from einops import rearrange
from jaxtyping import Array, Bool, Float, Int

from futurepred_jax.metrics.tracking import Unit, least_area, mostly_visible

PRESENT = 0.5  # least share of the squared contrast between both renderings that a present object explains
CONTRAST = 0.05  # least RMS difference of the renderings, in units of [0, 1], for an object that can be told apart


class Drawings(NamedTuple):
    """Two variants of the true future, rendered by ``floors``.

    Attributes:
        without: The future without clutter.
        lasting: The future in which transients do not end.
        lasting_instance: Instance map of ``lasting``.
    """

    without: Unit
    lasting: Unit
    lasting_instance: Int[Array, "b t h w"]


class Clutter(NamedTuple):
    """Which clutter objects should be looked for in each frame.

    Transients are only looked for if they were alive during the context, since no others can be foreseen.

    Attributes:
        drawings: The true future without clutter, and with transients that do not end.
        instance: True instance map.
        persistent: Slots of visible persistent objects.
        living: Slots of visible transients.
        ended: Slots of transients that were alive in the last context frame and have ended.
    """

    drawings: Drawings
    instance: Int[Array, "b t h w"]
    persistent: Bool[Array, "b t k"]
    living: Bool[Array, "b t k"]
    ended: Bool[Array, "b t k"]


class Tallied(NamedTuple):
    """The number of objects that were looked for in each frame, and how many of them are present."""

    present: Float[Array, "b t"]
    asked: Float[Array, "b t"]


class ClutterScores(NamedTuple):
    """Counts of persistent objects, living transients and ended transients; of the last, none should be present."""

    persistent: Tallied
    living: Tallied
    ended: Tallied


def clutter_of(
    batch: Mapping[str, np.ndarray], drawings: Drawings, *, context: int, roles: Mapping[str, int]
) -> Clutter:
    """Determines which clutter objects should be looked for in the frames that ``drawings`` cover.

    Args:
        batch: Fields ``instance``, ``alive``, ``exists``, ``role``, ``visible_px`` and ``amodal_px`` of whole clips.
        drawings: Renderings of the future.
        context: Number of context frames.
        roles: Number of each role by its name.
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
    """Counts which clutter objects are present in a video.

    Args:
        video: Predicted frames in [0, 1].
        truth: True frames in [0, 1].
        clutter: The objects to look for.
    """
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
    telling: Bool[Array, "b t k"]  # whether the object has enough pixels and enough contrast to decide


def _present(video: Unit, having: Unit, lacking: Unit, instance: Int[Array, "b t h w"], slots: int) -> _Presence:
    """Decides for each slot's object whether a video is closer to the rendering that has it or that lacks it."""
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
    """Sums values over the pixels of each slot's object."""
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
