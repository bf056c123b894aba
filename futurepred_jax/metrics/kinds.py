"""Tables of a split's scores by the motion of the targets and by the amount of clutter, as text."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from futurepred_jax.metrics.bootstrap import interval
from futurepred_jax.metrics.ratios import Ratio
from futurepred_jax.metrics.table import NOTHING, REFERENCE_FLOORS, SUBJECTS, grid, label, number, share, subject_of

ARCS = ("left_turn", "right_turn", "u_turn", "loop")  # arcs of a circle of 90° to 360°
STEADY = ("static", "straight", "drag", "random_walk")  # motions that neither turn nor bounce
CLUTTER_BINS = ((0, 0, "none"), (1, 4, "1–4"), (5, 8, "5–8"), (9, 10**6, "9 or more"))  # numbers of clutter objects


def clutter_level(count: int) -> str:
    """Returns the name of the level of clutter of a clip with ``count`` objects that are not targets."""
    return next(name for low, high, name in CLUTTER_BINS if low <= count <= high)


def kind_tables(clips: Mapping[str, Any]) -> str:
    """Returns tables of position errors by motion, and of PSNR and position errors by clutter.

    The skill is relative to constant velocity, over the targets found in both, with a 95 % bootstrap interval over
    clips. Additional rows summarize all arcs, and all motions that turn or bounce.

    Args:
        clips: The split's part of ``evaluation_clips.json``.

    Returns:
        The tables, or an empty string if the objects of the clips are unknown.
    """
    if "objects" not in clips:
        return ""
    first, objects, about = subject_of(clips["scores"]), clips["objects"], clips["about"]
    return "\n\n".join((_by_motion(first, objects), _by_clutter(first, clips["scores"], about["clutter"])))


def motions(family: Sequence[str] | np.ndarray) -> dict[str, Bool[np.ndarray, "n"]]:
    """Returns which objects belong to each row of the table by motion.

    Args:
        family: Name of each object's family of motion.
    """
    family = np.asarray(family)
    kinds = {label(str(kind)): family == kind for kind in sorted(set(family))}
    together = {"arcs": np.isin(family, ARCS), "turn or bounce": ~np.isin(family, STEADY)}
    return kinds | {kind: mine for kind, mine in together.items() if mine.any()}


def _by_motion(first: str, objects: Mapping[str, Any]) -> str:
    family, clip, scores = np.array(objects["family"]), np.array(objects["clip"]), objects["scores"]
    shown = dict.fromkeys(name for name in (first, *SUBJECTS, *REFERENCE_FLOORS) if name in scores)
    errors = {name: _values(scores[name]["position_error"]) for name in shown}
    recall = _values(scores[first]["recall"])
    header = ["motion", "targets", "recall", *[f"{label(name)} px" for name in errors], "skill"]
    rows = []
    for kind, mine in motions(family).items():
        found = [number(_mean(error[mine]), 2) for error in errors.values()]
        skill = _skill(errors[first][mine], errors["constant_velocity"][mine], clip[mine])
        rows.append([kind, str(mine.sum()), number(_mean(recall[mine]), 3), *found, skill])
    return grid(header, rows)


def _by_clutter(first: str, scores: Mapping[str, Any], counts: Sequence[int]) -> str:
    level, names = np.array([clutter_level(count) for count in counts]), (first, *REFERENCE_FLOORS)
    header = ["clutter", "clips", *[f"{label(name)} {unit}" for unit in ("dB", "px") for name in names]]
    rows = []
    for _, _, kind in CLUTTER_BINS:
        if (mine := level == kind).any():
            cells = [number(_mean(_values(scores[name][key])[mine]), 2) for key in ("psnr", "ade") for name in names]
            rows.append([kind, str(mine.sum()), *cells])
    return grid(header, rows)


def _values(values: Sequence[float | None]) -> Float[np.ndarray, "n"]:
    return np.array(values, float)


def _mean(values: Float[np.ndarray, "n"]) -> float | None:
    known = np.isfinite(values)
    return float(values[known].mean()) if known.any() else None


def _skill(ours: Float[np.ndarray, "n"], theirs: Float[np.ndarray, "n"], clip: Int[np.ndarray, "n"]) -> str:
    """Formats the skill with its interval, if that is known.

    Whole clips are resampled, since a clip's objects are not independent.
    """
    both = np.isfinite(ours) & np.isfinite(theirs)
    if not both.any():
        return NOTHING
    sums = [np.bincount(clip[both], errors[both])[:, None] for errors in (ours, theirs)]
    left = interval(Ratio(*sums))
    ends = f" [{share(1 - left.high)}, {share(1 - left.low)}]" if np.isfinite(left.low) else ""
    return f"{share(1 - left.mean)}{ends}"
