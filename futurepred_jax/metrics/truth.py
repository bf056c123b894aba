"""The truth of a batch of clips, cut to the frames that are scored."""

from collections.abc import Mapping
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, UInt8

from futurepred_jax.metrics import image, motion
from futurepred_jax.metrics.clutter import Clutter, Drawings, clutter_of
from futurepred_jax.metrics.objects import Palette
from futurepred_jax.metrics.permanence import Events, events_of
from futurepred_jax.metrics.tracking import Targets, mostly_visible
from futurepred_jax.pixels import to_unit

FIELDS = ("video", "instance", "centre", "visible_px", "amodal_px", "alive", "exists", "role", "rgb")
"""What of a clip the truth is made from."""


class Truth(NamedTuple):
    """What predictions of one batch are held against.

    ``foreground`` is the union of all object masks, dilated; ``foreseeable`` is what no object touches that was born
    after the context.
    """

    video: image.Unit
    instance: Int[Array, "b t h w"]
    foreground: Bool[Array, "b t h w"]
    foreseeable: Bool[Array, "b t h w"]
    targets: Targets
    events: Events
    palette: Palette
    clutter: Clutter


def truth_of(
    batch: Mapping[str, np.ndarray],
    drawings: Drawings,
    *,
    context: int,
    slots: int,
    roles: Mapping[str, int],
    hues: Float[np.ndarray, "p 3"],
) -> Truth:
    """Cuts the frames that were drawn, those after ``context`` ones, out of a batch of clips.

    Args:
        batch: FIELDS of the clips, with a leading axis.
        drawings: The future without clutter, and with clutter that lasts.
        context: Context frames, not scored.
        slots: Most targets a clip; they are gathered into so many slots.
        roles: Number of each role; targets are tracked.
        hues: The colours that targets can have.
    """
    future = slice(context, context + drawings.without.shape[1])
    instance = jnp.asarray(batch["instance"][:, future], jnp.int32)
    unborn = ~np.any(batch["alive"][:, :context], axis=1)
    order = _order(batch, roles)[:, :slots]
    return Truth(
        video=to_unit(jnp.asarray(batch["video"][:, future])),
        instance=instance,
        foreground=image.dilate(instance > 0),
        foreseeable=~image.dilate(jnp.asarray(_of_objects(batch["instance"][:, future], unborn))),
        targets=targets_of(batch, future, slots=slots, roles=roles),
        events=_events(batch, order, context, future.stop),
        palette=_palette(batch, hues, _is_target(batch, roles)),
        clutter=clutter_of(batch, drawings, context=context, roles=roles),
    )


def only_video(video: UInt8[np.ndarray, "b t h w 3"]) -> Truth:
    """The truth of scored frames of which nothing else is known: no object, so no score of one."""
    clips, frames = video.shape[:2]
    nothing, places = jnp.zeros(video.shape[:4], bool), jnp.zeros((clips, frames, 1, 2))
    pixels, no = jnp.zeros((clips, frames, 1), jnp.int32), jnp.zeros((clips, frames, 1), bool)
    truth = to_unit(jnp.asarray(video))
    instance = jnp.zeros(video.shape[:4], jnp.int32)
    targets = Targets(
        ids=jnp.zeros((clips, 1), jnp.int32),
        start=places[:, 0],
        centre=places,
        place=places,
        visible_px=pixels,
        amodal_px=pixels,
        rgb=jnp.zeros((clips, 1, 3)),
        exists=no[:, 0],
    )
    palette = Palette(jnp.zeros((1, 3)), no[:, 0])
    clutter = Clutter(Drawings(truth, truth, instance), instance, no, no, no)
    return Truth(truth, instance, nothing, nothing, targets, Events(no, no), palette, clutter)


def targets_of(batch: Mapping[str, np.ndarray], frames: slice, *, slots: int, roles: Mapping[str, int]) -> Targets:
    """The tracked objects of a batch of clips over some of its frames, of which there is one before the first.

    Args:
        batch: FIELDS of the clips, with a leading axis.
        frames: Those that are tracked.
        slots: As in ``truth_of``.
        roles: As there.
    """
    order, exists = _order(batch, roles)[:, :slots], _is_target(batch, roles)
    centre, ids = jnp.asarray(_pick(batch["centre"][:, frames], order, 2)), jnp.asarray(order + 1, jnp.int32)
    return Targets(
        ids=ids,
        start=jnp.asarray(_pick(batch["centre"][:, frames.start - 1], order, 1)),
        centre=centre,
        place=motion.visible_places(jnp.asarray(batch["instance"][:, frames], jnp.int32), ids, centre),
        visible_px=jnp.asarray(_pick(batch["visible_px"][:, frames], order, 2)),
        amodal_px=jnp.asarray(_pick(batch["amodal_px"][:, frames], order, 2)),
        rgb=jnp.asarray(_pick(batch["rgb"], order, 1)),
        exists=jnp.asarray(_pick(exists, order, 1)),
    )


def _order(batch: Mapping[str, np.ndarray], roles: Mapping[str, int]) -> Int[np.ndarray, "b k"]:
    """Slots, those of targets first."""
    return np.argsort(~_is_target(batch, roles), axis=1, kind="stable")


def _is_target(batch: Mapping[str, np.ndarray], roles: Mapping[str, int]) -> Bool[np.ndarray, "b k"]:
    return (batch["role"] == roles["target"]) & batch["exists"]


def _of_objects(instance: np.ndarray, which: Bool[np.ndarray, "b k"]) -> Bool[np.ndarray, "b t h w"]:
    """Pixels of the objects of some slots; an instance is a slot + 1, and 0 is the background."""
    table = np.pad(which, ((0, 0), (1, 0)))
    clip = np.arange(len(instance))[:, None, None, None]
    return table[clip, instance]


def _pick(values: np.ndarray, order: Int[np.ndarray, "b n"], axis: int) -> np.ndarray:
    """The slots of ``order`` along an axis."""
    shape = [1] * values.ndim
    shape[0], shape[axis] = order.shape
    return np.take_along_axis(values, order.reshape(shape), axis=axis)


def _events(batch: Mapping[str, np.ndarray], order: Int[np.ndarray, "b n"], context: int, end: int) -> Events:
    """Of whole clips, for an object may have been hidden in the context."""
    visible, amodal, alive = (_pick(batch[name][:, :end], order, 2) for name in ("visible_px", "amodal_px", "alive"))
    evaluable = mostly_visible(visible, amodal, batch["video"].shape[2]) & alive
    return events_of((visible == 0) & (amodal > 0) & alive, evaluable, first=context)


def _palette(
    batch: Mapping[str, np.ndarray], hues: Float[np.ndarray, "p 3"], is_target: Bool[np.ndarray, "b k"]
) -> Palette:
    same = np.abs(batch["rgb"][:, :, None] - hues).max(axis=-1) < 1e-3
    return Palette(jnp.asarray(hues, jnp.float32), jnp.asarray(~(same & is_target[..., None]).any(axis=1)))
