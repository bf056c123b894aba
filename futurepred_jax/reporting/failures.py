"""Kinds of failure of a prediction, each a rule on the scores of one clip, and how often they occur."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from futurepred_jax.reporting.models import ScoredPredictor

Scores = Mapping[str, float | None]


@dataclasses.dataclass(frozen=True)
class Kind:
    """A kind of failure.

    Attributes:
        label: Its name on the page.
        definition: The rule in words.
        needs: Names of the scores that the rule depends on; clips that lack one of them are not counted.
        fails: Whether a predictor's scores of a clip amount to this failure.
    """

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
        "The position error of the objects found is at least half of the distance that they travelled.",
        ("ade_travelled",),
        lambda s: s["ade_travelled"] >= 0.5,
    ),
    Kind(
        "Invents objects",
        "At least one detection per frame matches no true object.",
        ("false_detections",),
        lambda s: s["false_detections"] >= 1,
    ),
    Kind(
        "Forgets what is hidden",
        "None of the hidden objects is found when it reappears.",
        ("permanence",),
        lambda s: s["permanence"] == 0,
    ),
    Kind(
        "Drops clutter",
        "Less than half of the persistent clutter is still in the picture.",
        ("clutter_recall",),
        lambda s: s["clutter_recall"] < 0.5,
    ),
)


def failures(scores: Scores) -> list[str]:
    """Returns the labels of the failures that a predictor's scores of one clip show."""
    return [kind.label for kind in KINDS if _known(kind, scores) and kind.fails(scores)]


def failure_shares(predictor: ScoredPredictor) -> dict[str, tuple[float, int] | None]:
    """Returns, for each label, the share of clips with this failure and the number of clips that could show it.

    The value is None if no clip has the scores that the rule needs.
    """
    return {kind.label: _share(kind, predictor.clips) for kind in KINDS}


def _share(kind: Kind, clips: Mapping[str, Sequence[float | None]]) -> tuple[float, int] | None:
    if any(name not in clips for name in kind.needs):
        return None
    rows = [dict(zip(kind.needs, values, strict=True)) for values in zip(*(clips[n] for n in kind.needs), strict=True)]
    told = [kind.fails(row) for row in rows if _known(kind, row)]
    return (sum(told) / len(told), len(told)) if told else None


def _known(kind: Kind, scores: Scores) -> bool:
    return all(scores.get(name) is not None for name in kind.needs)
