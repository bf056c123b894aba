"""From frames to numbers: what is measured on every frame of a split, and how clips and splits are reduced from it.

Means run over what exists: a clip without foreground, or with no target in view, has no such score (NaN).
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from futurepred_jax.metrics.image import ImageScores, MaskedError, Unit, image_scores, masked_error, psnr
from futurepred_jax.metrics.motion import MotionScores, motion_scores, track
from futurepred_jax.metrics.truth import Truth

Values = Float[np.ndarray, "*shape"]


class Record(NamedTuple):
    """Everything measured on one predictor's frames, before any mean; a pytree with leading axes ``b t``."""

    image: ImageScores
    foreground: MaskedError
    predictable: MaskedError
    motion: MotionScores


def measure(prediction: Unit, truth: Truth) -> Record:
    """Measures a batch of predicted frames in [0, 1]."""
    tracks = track(prediction, truth.targets)
    return Record(
        image=image_scores(prediction, truth.video),
        foreground=masked_error(prediction, truth.video, truth.foreground),
        predictable=masked_error(prediction, truth.video, truth.predictable),
        motion=motion_scores(tracks, truth.targets, height=truth.video.shape[2]),
    )


def clip_scores(record: Record) -> dict[str, Float[np.ndarray, "b"]]:
    """One value a clip; PSNR is that of the clip's mean squared error."""
    error = _position_error(record, axis=2)
    return {
        "psnr": psnr(mean(record.image.mse, axis=1)),
        "ssim": mean(record.image.ssim, axis=1),
        "foreground_psnr": _masked_psnr(record.foreground, axis=1),
        "foreground_psnr_predictable": _masked_psnr(record.predictable, axis=1),
        "mse": mean(record.image.mse, axis=1),
        "mae": mean(record.image.mae, axis=1),
        "ade": mean(error, axis=1),
        "fde": error[:, -1],
        "recall": mean(record.motion.detected, record.motion.scored, axis=(1, 2)),
    }


def split_scores(record: Record) -> dict[str, float]:
    """One value a split: pictures by the mean over clips, motion over all objects of a frame, then over frames.

    ``ade_travelled`` is the position error over the distance really travelled since the context.
    """
    clips, error = clip_scores(record), _position_error(record, axis=(0, 2))
    found = record.motion.detected & record.motion.scored
    travelled = mean(record.motion.travelled, found)
    pictures = {name: float(mean(value)) for name, value in clips.items() if name not in ("ade", "fde", "recall")}
    return pictures | {
        "ade": float(mean(error)),
        "fde": float(error[-1]),
        "ade_travelled": float(mean(record.motion.error, found) / travelled) if travelled > 0 else float("nan"),
        "recall": float(mean(record.motion.detected, record.motion.scored)),
    }


def curves(record: Record) -> dict[str, Float[np.ndarray, "t"]]:
    """One value a frame of the horizon, the first right after the context."""
    return {
        "psnr": psnr(np.asarray(record.image.mse, np.float64)).mean(axis=0),
        "ssim": mean(record.image.ssim, axis=0),
        "foreground_psnr": mean(_masked_psnr(record.foreground), axis=0),
        "mse": mean(record.image.mse, axis=0),
        "mae": mean(record.image.mae, axis=0),
        "position_error": _position_error(record, axis=(0, 2)),
        "recall": mean(record.motion.detected, record.motion.scored, axis=(0, 2)),
    }


def skill(record: Record, floor: Record) -> float:
    """1 - error / error(floor) on positions, over the objects found in both: 1 is perfect, 0 no better than the floor.

    Only pairs count, so that a predictor cannot gain by losing the objects that are hard to place.
    """
    both = record.motion.scored & record.motion.detected & floor.motion.detected
    reference = mean(floor.motion.error, both)
    return float(1 - mean(record.motion.error, both) / reference) if reference > 0 else float("nan")


def mean(values: ArrayLike, where: ArrayLike | None = None, axis: int | tuple[int, ...] | None = None) -> Values:
    """Mean in float64 over the finite values at which ``where`` holds; NaN where there is none."""
    values = np.asarray(values)
    kept = np.isfinite(values) if where is None else np.isfinite(values) & np.asarray(where)
    total = np.sum(values, axis=axis, where=kept, dtype=np.float64)
    return _ratio(np.asarray(total), np.asarray(np.sum(kept, axis=axis)))


def _ratio(total: np.ndarray, count: np.ndarray) -> Values:
    """``total / count``, NaN where nothing was counted."""
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)


def _masked_psnr(error: MaskedError, axis: int | tuple[int, ...] = ()) -> Values:
    total, count = (np.sum(np.asarray(sums), axis=axis, dtype=np.float64) for sums in error)
    return psnr(_ratio(np.asarray(total), np.asarray(count)))


def _position_error(record: Record, axis: int | tuple[int, ...]) -> Values:
    return mean(record.motion.error, record.motion.detected & record.motion.scored, axis=axis)
