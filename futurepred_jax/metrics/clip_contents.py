"""What each clip contains, and scores of single objects; both serve to break a split down."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from futurepred_jax.metrics.ratios import mean
from futurepred_jax.metrics.scores import Record
from futurepred_jax.metrics.tracking import Targets


class ClipContents(NamedTuple):
    """What is in each clip of a batch.

    Attributes:
        family: Number of every tracked target's family of motion; -1 where a slot is unused.
        clutter: Number of objects that are not targets and are visible in at least one frame.
    """

    family: Int[np.ndarray, "b k"]
    clutter: Int[np.ndarray, "b"]


def contents_of(batch: Mapping[str, np.ndarray], targets: Targets, *, roles: Mapping[str, int]) -> ClipContents:
    """Returns what the clips of a batch contain.

    Args:
        batch: The fields ``family``, ``role``, ``exists`` and ``visible_px`` of the clips, with a leading batch axis.
        targets: The tracked targets of the same clips, from ``truth.targets_of``.
        roles: Number of each role by its name.
    """
    family = np.take_along_axis(batch["family"], np.asarray(targets.ids) - 1, axis=1)
    seen = (batch["visible_px"] > 0).any(axis=1) & batch["exists"] & (batch["role"] != roles["target"])
    return ClipContents(np.where(np.asarray(targets.exists), family, -1).astype(np.int32), seen.sum(axis=1))


def about_clips(contents: ClipContents, families: Sequence[str]) -> dict[str, list]:
    """Describes every clip as plain lists for JSON.

    Args:
        contents: What the clips contain.
        families: Names of the families of motion by their number.

    Returns:
        ``families``, the sorted names of each clip's families of motion; ``targets``, the number of its targets; and
        ``clutter``, the number of its other visible objects.
    """
    found = [sorted({families[int(number)] for number in clip if number >= 0}) for clip in contents.family]
    return {
        "families": found,
        "targets": (contents.family >= 0).sum(axis=1).tolist(),
        "clutter": contents.clutter.tolist(),
    }


def by_object(records: Mapping[str, Record], contents: ClipContents, families: Sequence[str]) -> dict[str, Any]:
    """Returns the scores of every target that is evaluable in at least one frame.

    Args:
        records: What was measured, by predictor.
        contents: What the clips contain.
        families: Names of the families of motion by their number.

    Returns:
        ``clip``, the index of each target's clip; ``family``, the name of its family of motion; and ``scores``, for
        each predictor the target's ``position_error`` (px; mean over the frames in which it is evaluable and found, NaN
        if there is none), ``recall`` (share of the evaluable frames in which it is found) and ``mask_iou`` (mean over
        the evaluable frames).
    """
    evaluable = np.asarray(
        next(iter(records.values())).motion.scored
    )  # it depends on the truth only, so any predictor will do
    clip, slot = np.nonzero(evaluable.any(axis=1))
    scores = {name: _of_objects(record, evaluable) for name, record in records.items()}
    return {
        "clip": clip.tolist(),
        "family": [families[number] for number in contents.family[clip, slot]],
        "scores": {name: {key: each[clip, slot] for key, each in found.items()} for name, found in scores.items()},
    }


def _of_objects(record: Record, evaluable: Bool[np.ndarray, "n t k"]) -> dict[str, Float[np.ndarray, "n k"]]:
    motion, found = record.motion, evaluable & np.asarray(record.motion.detected)
    return {
        "position_error": mean(np.where(found, motion.error, np.nan), axis=1),
        "recall": mean(np.where(evaluable, motion.detected, np.nan), axis=1),
        "mask_iou": mean(np.where(evaluable, record.objects.iou, np.nan), axis=1),
    }
