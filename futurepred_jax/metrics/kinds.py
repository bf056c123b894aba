"""A split taken apart, as text: by the motion of the targets and by how much clutter a clip has, beside floors."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from futurepred_jax.metrics.table import RIVALS, grid, label, number, share, subject

LEVELS = ((0, 0, "none"), (1, 4, "1–4"), (5, 8, "5–8"), (9, 10**6, "9 or more"))  # objects that are not targets


def clutter_level(count: int) -> str:
    """The level of a clip with so many objects that are not targets."""
    return next(name for low, high, name in LEVELS if low <= count <= high)


def kind_tables(clips: Mapping[str, Any]) -> str:
    """Position errors by motion, and pixels and position errors by clutter; nothing of what no truth is known of.

    The skill is against constant velocity, over the targets that both show.

    Args:
        clips: The split's part of ``evaluation_clips.json``.
    """
    if "objects" not in clips:
        return ""
    first, objects, about = subject(clips["scores"]), clips["objects"], clips["about"]
    return "\n\n".join((_by_motion(first, objects), _by_clutter(first, clips["scores"], about["clutter"])))


def _by_motion(first: str, objects: Mapping[str, Any]) -> str:
    family, scores = np.array(objects["family"]), objects["scores"]
    errors = {name: _values(scores[name]["position_error"]) for name in (first, *RIVALS)}
    recall = _values(scores[first]["recall"])
    header = ["motion", "targets", "recall", *[f"{label(name)} px" for name in errors], "skill"]
    rows = []
    for kind in sorted(set(family)):
        mine = family == kind
        found = [number(_mean(error[mine]), 2) for error in errors.values()]
        skill = share(_skill(errors[first][mine], errors["constant_velocity"][mine]))
        rows.append([label(str(kind)), str(mine.sum()), number(_mean(recall[mine]), 3), *found, skill])
    return grid(header, rows)


def _by_clutter(first: str, scores: Mapping[str, Any], counts: Sequence[int]) -> str:
    level, names = np.array([clutter_level(count) for count in counts]), (first, *RIVALS)
    header = ["clutter", "clips", *[f"{label(name)} {unit}" for unit in ("dB", "px") for name in names]]
    rows = []
    for _, _, kind in LEVELS:
        if (mine := level == kind).any():
            cells = [number(_mean(_values(scores[name][key])[mine]), 2) for key in ("psnr", "ade") for name in names]
            rows.append([kind, str(mine.sum()), *cells])
    return grid(header, rows)


def _values(values: Sequence[float | None]) -> Float[np.ndarray, "n"]:
    return np.array(values, float)


def _mean(values: Float[np.ndarray, "n"]) -> float | None:
    known = np.isfinite(values)
    return float(values[known].mean()) if known.any() else None


def _skill(ours: Float[np.ndarray, "n"], theirs: Float[np.ndarray, "n"]) -> float | None:
    both = np.isfinite(ours) & np.isfinite(theirs)
    return 1 - float(ours[both].mean() / theirs[both].mean()) if both.any() else None
