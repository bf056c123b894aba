"""Ways in which a prediction fails, each a rule on the scores of one clip, and how often it happens."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from futurepred_jax.reporting.models import ScoredPredictor

Scores = Mapping[str, float | None]


@dataclasses.dataclass(frozen=True)
class Kind:
    """A failure; ``fails`` takes a predictor's scores of a clip, and is not asked where one it ``needs`` is None."""

    label: str
    definition: str
    needs: tuple[str, ...]
    fails: Callable[[Mapping[str, Any]], bool]


KINDS = (
    Kind(
        "Loses objects", "Fewer than half of the visible objects are found.", ("recall",), lambda s: s["recall"] < 0.5
    ),
    Kind(
        "Misplaces objects",
        "Those found are wrong by half or more of the way that they travelled.",
        ("ade_travelled",),
        lambda s: s["ade_travelled"] >= 0.5,
    ),
    Kind(
        "Invents objects",
        "One object or more a frame matches nothing that is there.",
        ("false_detections",),
        lambda s: s["false_detections"] >= 1,
    ),
    Kind(
        "Forgets what is hidden",
        "Not one of the objects that were hidden is found once it is seen again.",
        ("permanence",),
        lambda s: s["permanence"] == 0,
    ),
    Kind(
        "Drops clutter",
        "Less than half of the persistent clutter is still there.",
        ("clutter_recall",),
        lambda s: s["clutter_recall"] < 0.5,
    ),
)


def failures(scores: Scores) -> list[str]:
    """Labels of the failures that a predictor's scores of one clip amount to."""
    return [kind.label for kind in KINDS if _known(kind, scores) and kind.fails(scores)]


def failure_shares(predictor: ScoredPredictor) -> dict[str, tuple[float, int] | None]:
    """By the failure's label, the share of clips that have it and how many could; None where no clip tells."""
    return {kind.label: _share(kind, predictor.clips) for kind in KINDS}


def _share(kind: Kind, clips: Mapping[str, Sequence[float | None]]) -> tuple[float, int] | None:
    if any(name not in clips for name in kind.needs):
        return None
    rows = [dict(zip(kind.needs, values, strict=True)) for values in zip(*(clips[n] for n in kind.needs), strict=True)]
    told = [kind.fails(row) for row in rows if _known(kind, row)]
    return (sum(told) / len(told), len(told)) if told else None


def _known(kind: Kind, scores: Scores) -> bool:
    return all(scores.get(name) is not None for name in kind.needs)
