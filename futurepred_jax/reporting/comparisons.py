"""Compares a model with its floors, metric by metric, and defines what counts as beating a floor."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from futurepred_jax.metrics.table import subject_of
from futurepred_jax.reporting import formats
from futurepred_jax.reporting.formats import Number
from futurepred_jax.reporting.vocabulary import HEADLINE, METRICS, PREDICTORS, Metric, metric

Scores = Mapping[str, Mapping[str, Number | None]]


@dataclasses.dataclass(frozen=True)
class Comparison:
    """The subject of an evaluation compared with one floor on one metric.

    Attributes:
        floor: Name of the floor.
        metric: The metric.
        value: The subject's score on the split.
        against: The floor's score on the split.
        mean: Subject minus floor, averaged over the clips that have both scores, if scores by clip are known. It may
            differ from ``value - against``, since scores of objects are pooled over the objects of all clips.
        low: Lower end of the 95 % interval of ``mean``; None if a single clip has both scores.
        high: Upper end of the 95 % interval of ``mean``; None if a single clip has both scores.
    """

    floor: str
    metric: Metric
    value: Number
    against: Number
    mean: Number | None = None
    low: Number | None = None
    high: Number | None = None

    @property
    def lead(self) -> Number:
        """Subject minus floor: the mean over clips if it is known, otherwise the difference of the scores."""
        return self.value - self.against if self.mean is None else self.mean

    @property
    def gain(self) -> Number:
        """By how much the subject is better, in the metric's unit, rounded to its digits; negative if it is worse."""
        return round(self.metric.sign * self.lead, self.metric.digits)

    @property
    def certain(self) -> bool:
        """Whether the whole interval lies on the better side of zero; also where no scores by clip are known."""
        if self.low is None or self.high is None:
            return self.mean is None
        return all(self.metric.sign * end > 0 for end in (self.low, self.high))

    @property
    def beats(self) -> bool:
        """Whether the subject is significantly better, by at least one unit of the last printed digit."""
        return self.gain > 0 and self.certain

    @property
    def difference(self) -> str:
        """Subject minus floor as signed text with its unit."""
        return formats.difference(self.lead, self.metric)

    @property
    def interval(self) -> str:
        """The interval of the difference as text, or an empty string if there is none."""
        return formats.interval(self.low, self.high, self.metric, signed=True)


def floors_of(scores: Scores) -> list[str]:
    """Returns the floors that were scored, the hardest to beat first."""
    return [name for name, who in PREDICTORS.items() if who.role == "floor" and name in scores]


def best_floor(scores: Scores, name: str) -> str | None:
    """Returns the floor with the best score; None if no floor has a score or the metric has no better direction."""
    sign = metric(name).sign
    values = {floor: value for floor in floors_of(scores) if (value := scores[floor].get(name)) is not None}
    return max(values, key=lambda floor: sign * values[floor]) if sign and values else None


def compare(split: Mapping[str, Any], names: Sequence[str] = HEADLINE) -> list[Comparison]:
    """Compares the subject with every floor on every metric for which both have a score.

    Args:
        split: An entry of ``splits`` in ``evaluation.json``; its ``margins`` provide the intervals.
        names: Names of the metrics.
    """
    scores, margins = split["scores"], split.get("margins") or {}
    subject = scores[subject_of(scores)]
    comparisons = []
    for floor in floors_of(scores):
        for name in names:
            value, against = subject.get(name), scores[floor].get(name)
            if value is not None and against is not None:
                ends = margins.get(floor, {}).get(name, {})
                known = [ends.get(end) for end in ("mean", "low", "high")]
                comparisons.append(Comparison(floor, METRICS[name], value, against, *known))
    return comparisons


def clips_won(clips: Mapping[str, Any], subject: str, comparison: Comparison) -> tuple[int, int] | None:
    """Counts the clips on which the subject is better.

    Args:
        clips: The split's part of ``evaluation_clips.json``.
        subject: Name of the subject.
        comparison: The comparison with a floor.

    Returns:
        The number of clips on which the subject is better and the number on which both have a score; None if there is
        no such clip.
    """
    ours, theirs = (clips["scores"].get(who, {}).get(comparison.metric.name, ()) for who in (subject, comparison.floor))
    pairs = [(a, b) for a, b in zip(ours, theirs, strict=False) if a is not None and b is not None]
    return (sum(comparison.metric.sign * (a - b) > 0 for a, b in pairs), len(pairs)) if pairs else None
