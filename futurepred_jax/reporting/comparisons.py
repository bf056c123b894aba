"""The model beside its floors, metric by metric: what counts as beating, and by how much."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from futurepred_jax.reporting import formats
from futurepred_jax.reporting.formats import Number
from futurepred_jax.reporting.vocabulary import HEADLINE, METRICS, PREDICTORS, Metric, metric

Scores = Mapping[str, Mapping[str, Number | None]]


@dataclasses.dataclass(frozen=True)
class Comparison:
    """The subject beside one floor on one metric.

    ``mean``, ``low`` and ``high`` are subject minus floor over the clips that have both, and its interval, where known.
    A score of objects is pooled over all of them, so that ``value - against`` may differ from that mean.
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
        """Subject minus floor, clip by clip where clips are known."""
        return self.value - self.against if self.mean is None else self.mean

    @property
    def gain(self) -> Number:
        """By how much the subject is better, in the metric's unit and rounded to its digits; negative if worse."""
        return round(self.metric.sign * self.lead, self.metric.digits)

    @property
    def certain(self) -> bool:
        """Whether the interval, where there is one, lies on the better side altogether."""
        return all(self.metric.sign * end > 0 for end in (self.low, self.high) if end is not None)

    @property
    def beats(self) -> bool:
        """Better by at least one unit of the last digit printed, and not by chance: a tie does not beat."""
        return self.gain > 0 and self.certain

    @property
    def difference(self) -> str:
        """Subject minus floor, signed, with its unit."""
        return formats.difference(self.lead, self.metric)

    @property
    def interval(self) -> str:
        """The ends of the difference's interval; empty where none is known."""
        return formats.interval(self.low, self.high, self.metric, signed=True)


def subject_of(scores: Scores) -> str:
    """Whom an evaluation is about: the model, or a tokenizer's reconstruction where nothing is predicted."""
    return "model" if "model" in scores else "tokenizer_reconstruction"


def floors_of(scores: Scores) -> list[str]:
    """The floors that were scored, hardest first."""
    return [name for name, who in PREDICTORS.items() if who.role == "floor" and name in scores]


def best_floor(scores: Scores, name: str) -> str | None:
    """The floor that scores best on a metric; None where none has a value or the direction is unknown."""
    sign = metric(name).sign
    values = {floor: value for floor in floors_of(scores) if (value := scores[floor].get(name)) is not None}
    return max(values, key=lambda floor: sign * values[floor]) if sign and values else None


def compare(split: Mapping[str, Any], names: Sequence[str] = HEADLINE) -> list[Comparison]:
    """The subject beside every floor on every metric of which both have a value.

    Args:
        split: an entry of ``splits`` in ``evaluation.json``; its ``margins``, where it has them, give the intervals.
        names: metrics to compare on.
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
    """On how many clips, of those where both have a score, the subject is better; None without such clips."""
    ours, theirs = (clips["scores"].get(who, {}).get(comparison.metric.name, ()) for who in (subject, comparison.floor))
    pairs = [(a, b) for a, b in zip(ours, theirs, strict=False) if a is not None and b is not None]
    return (sum(comparison.metric.sign * (a - b) > 0 for a, b in pairs), len(pairs)) if pairs else None
