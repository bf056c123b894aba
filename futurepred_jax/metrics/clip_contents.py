"""What a clip contains, and scores of single objects: a split is broken down by both."""

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
    """Reads ``family``, ``role``, ``exists`` and ``visible_px`` of clips whose ``targets`` are tracked.

    Args:
        batch: Of the clips, with a leading axis.
        targets: From ``truth.targets_of``.
        roles: Number of each role.
    """
    family = np.take_along_axis(batch["family"], np.asarray(targets.ids) - 1, axis=1)
    seen = (batch["visible_px"] > 0).any(axis=1) & batch["exists"] & (batch["role"] != roles["target"])
    return ClipContents(np.where(np.asarray(targets.exists), family, -1).astype(np.int32), seen.sum(axis=1))


def about_clips(contents: ClipContents, families: Sequence[str]) -> dict[str, list]:
    """Of every clip: the names of its targets' ``families`` without repeats, how many targets, how many others."""
    found = [sorted({families[int(number)] for number in clip if number >= 0}) for clip in contents.family]
    return {
        "families": found,
        "targets": (contents.family >= 0).sum(axis=1).tolist(),
        "clutter": contents.clutter.tolist(),
    }


def by_object(records: Mapping[str, Record], contents: ClipContents, families: Sequence[str]) -> dict[str, Any]:
    """Scores of every target that is evaluable in some frame, by predictor, with its clip and the name of its family.

    ``position_error`` is the mean over the frames in which the target is evaluable and found, NaN if in none; ``recall``
    is the share of evaluable frames in which it is found, ``mask_iou`` the mean over evaluable frames.
    """
    evaluable = np.asarray(next(iter(records.values())).motion.scored)  # of the truth, hence the same for all
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
