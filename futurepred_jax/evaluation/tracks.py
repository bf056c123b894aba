"""True and found tracks of a clip's targets, for drawing; the scores are computed elsewhere."""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import UInt8
from numpy.typing import ArrayLike

from futurepred_jax.data.scene import ROLES
from futurepred_jax.data.trajectories import FAMILIES
from futurepred_jax.metrics.clip_contents import about_clips, contents_of
from futurepred_jax.metrics.motion import visible_places
from futurepred_jax.metrics.tracking import Targets, track
from futurepred_jax.metrics.truth import FIELDS, targets_of
from futurepred_jax.pixels import to_uint8, to_unit

ROLE_NUMBERS = {role: number for number, role in enumerate(ROLES)}

Clip = Mapping[str, np.ndarray]
"""The fields of a batch of one clip."""


def knows_targets(clip: Clip) -> bool:
    """Returns whether the objects of a clip are known, as in synthetic clips."""
    return {*FIELDS, "family"} <= clip.keys()


def about_clip(clip: Clip) -> dict[str, Any]:
    """Returns the ``families`` of motion of a clip's targets, the number of ``targets``, and that of other objects."""
    about = about_clips(contents_of(clip, _targets(clip, slice(1, 2)), roles=ROLE_NUMBERS), tuple(FAMILIES))
    return {name: values[0] for name, values in about.items()}


def tracks_of(clip: Clip, prediction: UInt8[np.ndarray, "t h w 3"], *, context: int) -> dict[str, np.ndarray]:
    """Returns the true tracks of a clip's targets, and the tracks found in its prediction.

    Args:
        clip: The clip, with at least ``context + t`` frames.
        prediction: The predicted future of the clip.
        context: Number of context frames.

    Returns:
        ``places`` [context + t, k, 2], the true places (x, y) in px, NaN where the target is not visible; ``found``
        [t, k, 2], the places found in the prediction, NaN where the target is not detected; and ``colours`` [k, 3],
        uint8.
    """
    frames = context + len(prediction)
    targets = _targets(clip, slice(context, frames))
    tracks = track(to_unit(jnp.asarray(prediction[None])), targets)
    kept = np.asarray(targets.ids)[0, np.asarray(targets.exists[0])] - 1
    centre, instance = (clip[name][:, :frames] for name in ("centre", "instance"))
    ids = jnp.asarray(kept[None] + 1, jnp.int32)
    places = visible_places(jnp.asarray(instance, jnp.int32), ids, jnp.asarray(centre[:, :, kept]))
    return {
        "places": _seen(places, clip["visible_px"][:, :frames, kept] > 0),
        "found": _seen(tracks.place, tracks.detected)[:, : len(kept)],
        "colours": to_uint8(clip["rgb"][0, kept]),
    }


def _targets(clip: Clip, frames: slice) -> Targets:
    """Returns the targets in a fixed number of slots, so that one compilation serves all clips."""
    return targets_of(clip, frames, slots=clip["role"].shape[1], roles=ROLE_NUMBERS)


def _seen(place: ArrayLike, seen: ArrayLike) -> np.ndarray:
    """Returns the places of the one clip in the batch, NaN where they are not seen."""
    return np.where(np.asarray(seen)[0, ..., None], np.asarray(place)[0], np.nan).astype(np.float32)
