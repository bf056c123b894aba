"""Measures predicted frames, and reduces the measurements to scores.

Undefined values are left out of means: a clip without foreground, or without a visible target, has no such score (NaN).
"""

from typing import NamedTuple

import jax
import numpy as np

from futurepred_jax.metrics.clutter import ClutterScores, clutter_scores
from futurepred_jax.metrics.image import ImageScores, Masked, Unit, image_scores, masked_error, masked_ssim, psnr
from futurepred_jax.metrics.motion import MotionScores, motion_scores
from futurepred_jax.metrics.objects import ObjectScores, object_scores
from futurepred_jax.metrics.permanence import Permanence, permanence
from futurepred_jax.metrics.ratios import Ratio, mean, quotient, ratio
from futurepred_jax.metrics.tracking import track
from futurepred_jax.metrics.truth import Truth


class Record(NamedTuple):
    """Everything that is measured on a predictor's frames, before averaging: a pytree with the leading axes ``b t``."""

    image: ImageScores
    foreground: Masked
    predictable: Masked
    foreseeable: Masked
    foreseeable_ssim: Masked
    motion: MotionScores
    objects: ObjectScores
    permanence: Permanence
    clutter: ClutterScores


@jax.jit
def measure(prediction: Unit, truth: Truth) -> Record:
    """Measures a batch of predicted frames.

    Args:
        prediction: Predicted frames in [0, 1].
        truth: Ground truth of the same frames.
    """
    height, targets = truth.video.shape[2], truth.targets
    tracks = track(prediction, targets)
    return Record(
        image=image_scores(prediction, truth.video),
        foreground=masked_error(prediction, truth.video, truth.foreground),
        predictable=masked_error(prediction, truth.video, truth.foreground & truth.foreseeable),
        foreseeable=masked_error(prediction, truth.video, truth.foreseeable),
        foreseeable_ssim=masked_ssim(prediction, truth.video, truth.foreseeable),
        motion=motion_scores(tracks, targets, height=height),
        objects=object_scores(prediction, tracks, targets, truth.instance, truth.palette),
        permanence=permanence(tracks, targets, truth.events, height=height),
        clutter=clutter_scores(prediction, truth.video, truth.clutter),
    )


def ratios(record: Record) -> dict[str, Ratio]:
    """Returns all scores of a record by their names.

    The PSNR of a clip is that of its mean squared error. ``ade_travelled`` is the position error divided by the
    distance that the targets truly travelled since the context.
    """
    return _pictures(record) | _positions(record) | _objects(record) | _clutter(record)


def curves(record: Record) -> dict[str, Ratio]:
    """Returns the scores of each future frame by their names, as ratios with one group per frame."""
    image, motion, objects = record.image, record.motion, record.objects
    return {
        "psnr": ratio(psnr(np.asarray(image.mse, np.float64)), keep=2),
        "ssim": ratio(image.ssim, keep=2),
        "foreground_psnr": ratio(_masked_psnr(record.foreground), keep=2),
        "mse": ratio(image.mse, keep=2),
        "mae": ratio(image.mae, keep=2),
        "position_error": ratio(motion.error, _found(motion), keep=2),
        "recall": ratio(motion.detected, motion.scored, keep=2),
        "mask_iou": ratio(objects.iou, motion.scored, keep=2),
    }


def skill(record: Record, floor: Record) -> float:
    """Returns the skill on positions, 1 - error / error of the floor: 1 is perfect, 0 no better than the floor.

    Only targets that are found in both count, so a predictor cannot gain by losing difficult targets.
    """
    both = record.motion.scored & record.motion.detected & floor.motion.detected
    ours, theirs = (ratio(each.motion.error, both).over_split() for each in (record, floor))
    return 1 - ours / theirs if theirs > 0 else float("nan")


def _pictures(record: Record) -> dict[str, Ratio]:
    image = record.image
    return {
        "psnr": ratio(psnr(mean(image.mse, axis=1))),
        "ssim": ratio(image.ssim),
        "foreground_psnr": ratio(_masked_psnr(record.foreground, axis=1)),
        "psnr_predictable": ratio(_masked_psnr(record.foreseeable, axis=1)),
        "ssim_predictable": quotient(*record.foreseeable_ssim),
        "foreground_psnr_predictable": ratio(_masked_psnr(record.predictable, axis=1)),
        "mse": ratio(image.mse),
        "mae": ratio(image.mae),
        "mse_frame": ratio(image.mse * image.size),
        "mae_frame": ratio(image.mae * image.size),
    }


def _positions(record: Record) -> dict[str, Ratio]:
    motion, found = record.motion, _found(record.motion)
    return {
        "ade": ratio(motion.error, found, keep=2),
        "fde": ratio(motion.error[:, -1], found[:, -1]),
        "ade_travelled": quotient(motion.error * found, motion.travelled * found),
        "recall": ratio(motion.detected, motion.scored),
    }


def _objects(record: Record) -> dict[str, Ratio]:
    objects, hidden = record.objects, record.permanence
    return {
        "mask_iou": ratio(objects.iou, record.motion.scored),
        "count_error": ratio(objects.count_error, objects.known),
        "false_detections": ratio(objects.false_detections, objects.known),
        "permanence": ratio(hidden.found, hidden.events.returned),
        "permanence_error": ratio(hidden.error, hidden.events.returned & record.motion.detected),
        "hallucination": ratio(hidden.found_while_hidden, hidden.events.hidden),
    }


def _clutter(record: Record) -> dict[str, Ratio]:
    persistent, living, ended = record.clutter
    return {
        "clutter_recall": quotient(persistent.present, persistent.asked),
        "transients_cut": quotient(living.asked - living.present, living.asked),
        "transients_left": quotient(ended.present, ended.asked),
    }


def _found(motion: MotionScores) -> np.ndarray:
    return np.asarray(motion.detected & motion.scored)


def _masked_psnr(error: Masked, axis: int | tuple[int, ...] = ()) -> np.ndarray:
    total, count = (np.sum(np.asarray(sums), axis=axis, dtype=np.float64) for sums in error)
    return psnr(np.divide(total, count, out=np.full(np.shape(total), np.nan), where=count > 0))
