"""The truth of a batch of clips, cut to the frames that are scored."""

from collections.abc import Mapping
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, UInt8

from futurepred_jax.metrics import image, motion

FIELDS = ("video", "instance", "centre", "visible_px", "amodal_px", "alive", "exists", "rgb")
"""What of a clip the truth is made from."""


class Truth(NamedTuple):
    """What predictions of one batch are held against.

    ``foreground`` is the union of all object masks, ``predictable`` that of the objects alive at some time of the
    context, less what later ones touch; both dilated.
    """

    video: image.Unit
    foreground: Bool[Array, "b t h w"]
    predictable: Bool[Array, "b t h w"]
    targets: motion.Targets


def truth_of(
    batch: Mapping[str, np.ndarray], is_target: Bool[np.ndarray, "b k"], *, context: int, frames: int, slots: int
) -> Truth:
    """Cuts ``frames`` frames after ``context`` ones out of a batch of clips.

    Args:
        batch: FIELDS of the clips, with a leading axis.
        is_target: Which object slots are tracked.
        context: Context frames, not scored.
        frames: Scored frames, at most what the clips have left.
        slots: Most targets a clip; they are gathered into so many slots.
    """
    future = slice(context, context + frames)
    instance = jnp.asarray(batch["instance"][:, future])
    known = _of_known(batch["instance"][:, future], np.any(batch["alive"][:, :context], axis=1))
    unknown = (instance > 0) & ~known
    return Truth(
        video=jnp.asarray(batch["video"][:, future], jnp.float32) / 255,
        foreground=image.dilate(instance > 0),
        predictable=image.dilate(known) & ~image.dilate(unknown),
        targets=_targets(batch, is_target & batch["exists"], future, slots),
    )


def only_video(video: UInt8[np.ndarray, "b t h w 3"]) -> Truth:
    """The truth of scored frames of which nothing else is known: no foreground, no target, so no score of either."""
    nothing = jnp.zeros(video.shape[:4], bool)
    places, pixels = jnp.zeros((*video.shape[:2], 1, 2)), jnp.zeros((*video.shape[:2], 1), jnp.int32)
    no_target = jnp.zeros((len(video), 1), bool)
    targets = motion.Targets(
        start=places[:, 0],
        centre=places,
        place=places,
        visible_px=pixels,
        amodal_px=pixels,
        rgb=jnp.zeros((len(video), 1, 3)),
        exists=no_target,
    )
    return Truth(jnp.asarray(video, jnp.float32) / 255, nothing, nothing, targets)


def _of_known(instance: np.ndarray, known: Bool[np.ndarray, "b k"]) -> Bool[np.ndarray, "b t h w"]:
    """Pixels of the objects that are ``known``; an instance is a slot + 1, and 0 is the background."""
    table = np.pad(known, ((0, 0), (1, 0)))
    clip = np.arange(len(instance))[:, None, None, None]
    return table[clip, instance]


def _targets(batch: Mapping[str, np.ndarray], wanted: np.ndarray, future: slice, slots: int) -> motion.Targets:
    order = np.argsort(~wanted, axis=1, kind="stable")[:, :slots]

    def pick(values: np.ndarray, axis: int) -> Array:
        shape = [1] * values.ndim
        shape[0], shape[axis] = order.shape
        return jnp.asarray(np.take_along_axis(values, order.reshape(shape), axis=axis))

    centre = pick(batch["centre"][:, future], 2)
    instance = jnp.asarray(batch["instance"][:, future], jnp.int32)
    places = motion.visible_places(instance, jnp.asarray(order + 1, jnp.int32), centre)
    return motion.Targets(
        start=pick(batch["centre"][:, future.start - 1], 1),
        centre=centre,
        place=places,
        visible_px=pick(batch["visible_px"][:, future], 2),
        amodal_px=pick(batch["amodal_px"][:, future], 2),
        rgb=pick(batch["rgb"], 1),
        exists=pick(wanted, 1),
    )
