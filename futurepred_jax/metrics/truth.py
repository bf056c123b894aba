"""The ground truth of a batch of clips over the scored frames."""

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
"""The fields of a clip that the truth is made from."""


class Truth(NamedTuple):
    """What the predictions for one batch are scored against.

    Attributes:
        video: Noise-free frames in [0, 1].
        instance: Instance map: 0 on the background, and the object's slot + 1 elsewhere.
        foreground: Union of all object masks, dilated.
        foreseeable: Pixels that no object touches which appeared after the context.
        targets: The objects that are tracked.
        events: When targets are hidden and when they reappear.
        palette: The colours that targets can have.
        clutter: The other objects, with renderings that tell whether they are in a picture.
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
    """Returns the truth of synthetic clips over the frames after the context.

    Args:
        batch: The fields ``FIELDS`` of the clips, with a leading batch axis.
        drawings: The same futures rendered without clutter and with clutter that does not end. They determine how many
            frames are scored.
        context: Number of context frames, which are not scored.
        slots: Largest number of targets in a clip; targets are gathered into this many slots.
        roles: Number of each role by its name.
        hues: The colours that targets can have, in [0, 1].
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
    """Returns the truth of recorded clips, whose objects are unknown: scores of objects are then undefined (NaN)."""
    clips, frames = video.shape[:2]
    truth, instance = to_unit(jnp.asarray(video)), jnp.zeros(video.shape[:4], jnp.int32)
    empty_mask = jnp.zeros(video.shape[:4], bool)
    places, areas = jnp.zeros((clips, frames, 1, 2)), jnp.zeros((clips, frames, 1), jnp.int32)
    never = jnp.zeros((clips, frames, 1), bool)
    return Truth(
        video=truth,
        instance=instance,
        foreground=empty_mask,
        foreseeable=empty_mask,
        targets=Targets(
            ids=jnp.zeros((clips, 1), jnp.int32),
            start=places[:, 0],
            centre=places,
            place=places,
            visible_px=areas,
            amodal_px=areas,
            rgb=jnp.zeros((clips, 1, 3)),
            exists=never[:, 0],
        ),
        events=Events(hidden=never, returned=never),
        palette=Palette(rgb=jnp.zeros((1, 3)), absent=never[:, 0]),
        clutter=Clutter(
            drawings=Drawings(without=truth, lasting=truth, lasting_instance=instance),
            instance=instance,
            persistent=never,
            living=never,
            ended=never,
        ),
    )


def targets_of(batch: Mapping[str, np.ndarray], frames: slice, *, slots: int, roles: Mapping[str, int]) -> Targets:
    """Returns the tracked objects of synthetic clips over some of their frames.

    Args:
        batch: The fields ``FIELDS`` of the clips, with a leading batch axis.
        frames: The frames in which objects are tracked; it must start after the clip's first frame, since tracking
            starts from the objects' places in the frame before.
        slots: Largest number of targets in a clip; targets are gathered into this many slots.
        roles: Number of each role by its name.
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
    """Returns the order of slots in which those of targets come first."""
    return np.argsort(~_is_target(batch, roles), axis=1, kind="stable")


def _is_target(batch: Mapping[str, np.ndarray], roles: Mapping[str, int]) -> Bool[np.ndarray, "b k"]:
    return (batch["role"] == roles["target"]) & batch["exists"]


def _of_objects(instance: np.ndarray, which: Bool[np.ndarray, "b k"]) -> Bool[np.ndarray, "b t h w"]:
    """Returns the pixels that show an object of the slots in ``which``."""
    table = np.pad(which, ((0, 0), (1, 0)))
    clip = np.arange(len(instance))[:, None, None, None]
    return table[clip, instance]


def _pick(values: np.ndarray, order: Int[np.ndarray, "b n"], axis: int) -> np.ndarray:
    """Selects the slots of ``order`` along the given axis of ``values``."""
    shape = [1] * values.ndim
    shape[0], shape[axis] = order.shape
    return np.take_along_axis(values, order.reshape(shape), axis=axis)


def _events(batch: Mapping[str, np.ndarray], order: Int[np.ndarray, "b n"], context: int, end: int) -> Events:
    """Finds events in whole clips, since an object may have been hidden during the context."""
    visible, amodal, alive = (_pick(batch[name][:, :end], order, 2) for name in ("visible_px", "amodal_px", "alive"))
    evaluable = mostly_visible(visible, amodal, batch["video"].shape[2]) & alive
    return events_of((visible == 0) & (amodal > 0) & alive, evaluable, first=context)


def _palette(
    batch: Mapping[str, np.ndarray], hues: Float[np.ndarray, "p 3"], is_target: Bool[np.ndarray, "b k"]
) -> Palette:
    same = np.abs(batch["rgb"][:, :, None] - hues).max(axis=-1) < 1e-3
    return Palette(jnp.asarray(hues, jnp.float32), jnp.asarray(~(same & is_target[..., None]).any(axis=1)))
