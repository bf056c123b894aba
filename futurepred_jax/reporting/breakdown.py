"""Scores of a split by the targets' family of motion, and by the amount of clutter in a clip."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from futurepred_jax.metrics.bootstrap import Interval, interval
from futurepred_jax.metrics.kinds import CLUTTER_BINS, clutter_level
from futurepred_jax.metrics.ratios import Ratio
from futurepred_jax.reporting import formats
from futurepred_jax.reporting.dots import DotChart, Series, dot_chart
from futurepred_jax.reporting.models import ScoredPredictor
from futurepred_jax.reporting.vocabulary import METRICS, metric

BY_FAMILY = ("position_error", "recall", "mask_iou")
BY_CLUTTER = ("psnr", "foreground_psnr", "ade", "recall")
SHOWN = ("tokenizer_reconstruction", "constant_velocity", "copy_last")  # beside the models


def breakdowns(predictors: Sequence[ScoredPredictor], clips: Mapping[str, Any] | None) -> dict[str, list[DotChart]]:
    """Returns charts of the scores by "family" of motion and by "clutter".

    Args:
        predictors: The predictors scored on the split, from ``models.scored_predictors``.
        clips: The split's part of ``evaluation_clips.json``, if there is one.

    Returns:
        The charts of each kind; a kind with fewer than two rows is left out, and so are all where the objects of the
        clips are unknown.
    """
    if not clips or "objects" not in clips:
        return {}
    shown = [one for one in predictors if one.role == "model" or one.name in SHOWN]
    objects, count = clips["objects"], len(clips["index"])
    levels = [clutter_level(number) for number in clips["about"]["clutter"]]
    families = _rows(objects["family"], sorted(set(objects["family"])), "targets")
    clutter = _rows(levels, [name for _, _, name in CLUTTER_BINS if name in levels], "clips")
    charts = {
        "family": [_chart(name, families, shown, "objects", objects["clip"], count) for name in BY_FAMILY],
        "clutter": [_chart(name, clutter, shown, "clips", range(count), count) for name in BY_CLUTTER],
    }
    charts = {kind: [chart for chart in found if chart] for kind, found in charts.items()}
    return {kind: found for kind, found in charts.items() if found and len(found[0].rows) > 1}


def family_sentence(label: str, other: str, ours: Mapping[str, Any] | None, theirs: Mapping[str, Any] | None) -> str:
    """Says for which families of motion one model's position error is smaller or larger than another's.

    Args:
        label: Label of the first model.
        other: Label of the second model.
        ours: The first model's part of ``evaluation_clips.json``.
        theirs: The second model's part, of the same clips.

    Returns:
        A sentence, or an empty string if the objects of the clips are unknown.
    """
    if not (ours and theirs and "objects" in ours and "objects" in theirs):
        return ""
    objects, clips = ours["objects"], len(ours["index"])
    errors = [np.array(part["objects"]["scores"]["model"]["position_error"], float) for part in (ours, theirs)]
    families, clip = np.array(objects["family"]), np.array(objects["clip"])
    sides: dict[int, list[str]] = {1: [], -1: []}
    for family in sorted(set(families)):
        found = _mean((errors[0] - errors[1])[families == family], clip[families == family], clips)
        if found and found.low * found.high > 0:
            sides[1 if found.high < 0 else -1].append(str(family).replace("_", " "))
    told = [
        f"{word} for {formats.listing(sides[sign])}" for sign, word in ((1, "smaller"), (-1, "larger")) if sides[sign]
    ]
    return (
        f"By motion, {label}'s position error against {other}'s is {' and '.join(told)}; no other difference is shown."
        if told
        else f"For no motion is a difference between the position errors of {label} and {other} shown."
    )


def _rows(kinds: Sequence[str], names: Sequence[str], of: str) -> dict[str, np.ndarray]:
    """Returns which items belong to each kind, by the label of the kind."""
    found = {name: np.array([kind == name for kind in kinds]) for name in names}
    return {f"{name.replace('_', ' ')} ({mask.sum()} {of})": mask for name, mask in found.items()}


def _chart(
    name: str,
    rows: Mapping[str, np.ndarray],
    shown: Sequence[ScoredPredictor],
    part: str,
    clip: Sequence[int],
    clips: int,
) -> DotChart | None:
    series = []
    for one in shown:
        values = getattr(one, part).get(name)
        if values is not None and any(value is not None for value in values):
            found = [_mean(np.array(values, float)[mask], np.asarray(clip)[mask], clips) for mask in rows.values()]
            series.append(Series(one.label, one.style, found))
    return dot_chart(METRICS.get(name) or metric(name), list(rows), series) if series else None


def _mean(values: np.ndarray, clip: np.ndarray, clips: int) -> Interval | None:
    """Averages the known values; whole clips are resampled, since the objects of one clip are not independent."""
    known = np.isfinite(values)
    if not known.any():
        return None
    total, count = (np.bincount(clip[known], weights, clips)[:, None] for weights in (values[known], None))
    return interval(Ratio(total, count.astype(float)))
