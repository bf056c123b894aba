"""Compares models on the same clips: by how much one is better than another, and how certain that is."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from futurepred_jax.metrics.bootstrap import paired_interval
from futurepred_jax.metrics.table import subject_of
from futurepred_jax.reporting import formats
from futurepred_jax.reporting.formats import Number
from futurepred_jax.reporting.models import SHUFFLED, Model
from futurepred_jax.reporting.vocabulary import METRICS, Metric

COMPARED = (
    "psnr",
    "ssim",
    "foreground_psnr",
    "ade",
    "fde",
    "recall",
    "mask_iou",
    "permanence",
    "clutter_recall",
    "token_accuracy",
    "bits_per_token",
)


@dataclasses.dataclass(frozen=True)
class Lead:
    """The difference between two models on one metric.

    Attributes:
        metric: The metric, whose unit ``mean``, ``low`` and ``high`` have.
        mean: First model minus second, averaged over the clips that have both scores.
        low: Lower end of the paired 95 % bootstrap interval of ``mean``; NaN if it is unknown.
        high: Upper end of that interval; NaN if it is unknown.
        seeds_agree: Whether all runs of the first model score higher, or all lower, than all runs of the second; true
            where each model has a single run.
    """

    metric: Metric
    mean: Number
    low: Number
    high: Number
    seeds_agree: bool = True

    @property
    def sign(self) -> int:
        """1 where the first model is significantly better, -1 where it is significantly worse, otherwise 0.

        A difference is significant if the interval is known and excludes zero, the seeds agree, and the difference does
        not round to zero at the digits that the metric is printed with.
        """
        excludes_zero = self.low * self.high > 0  # NaN excludes nothing
        is_printed_as_zero = round(abs(self.mean), self.metric.digits) == 0
        if not excludes_zero or is_printed_as_zero or not self.seeds_agree:
            return 0
        return 1 if self.metric.sign * self.low > 0 else -1

    @property
    def difference(self) -> str:
        """The mean difference as signed text with its unit."""
        return formats.difference(self.mean, self.metric)

    @property
    def interval(self) -> str:
        """The ends of the interval as text."""
        return formats.interval(self.low, self.high, self.metric, signed=True)


@dataclasses.dataclass(frozen=True)
class ModelComparison:
    """One model compared with another on one split.

    Attributes:
        label: Label of the first model.
        against: Label of what it is compared with: another model, or itself with a shuffled motion pathway.
        leads: The differences by the name of the metric.
    """

    label: str
    against: str
    leads: dict[str, Lead]


def compare_models(models: Sequence[Model], name: str) -> list[ModelComparison]:
    """Compares every further model with the first, and every model that has a motion pathway with its own ablation.

    In the ablation the model's pathway watches another clip of the split.

    Args:
        models: The models; the first is the reference.
        name: The split.
    """
    first, *others = models
    found = [ModelComparison(model.label, first.label, leads(model, first, name)) for model in others]
    for model in models:
        if SHUFFLED in model.split(name)["scores"]:
            ablation = leads(model, model, name, against=SHUFFLED)
            found.append(ModelComparison(model.label, "itself, shuffled pathway", ablation))
    return [comparison for comparison in found if comparison.leads]


def leads(model: Model, other: Model, name: str, *, against: str | None = None) -> dict[str, Lead]:
    """Returns the differences ``model - other`` by metric, for metrics that both have clip by clip.

    Args:
        model: The first model.
        other: The second model; it may be the first one again.
        name: The split.
        against: The predictor in the second model's evaluation whose scores are subtracted; by default its subject.
    """
    subject = subject_of(model.split(name)["scores"])
    ours, theirs = _clips(model, name, subject), _clips(other, name, against or subject)
    found = {}
    for metric in COMPARED:
        if metric not in ours or metric not in theirs:
            continue
        pair = [np.array(clips[metric], float) for clips in (ours, theirs)]
        if np.isfinite(pair[0] - pair[1]).any():
            agree = seeds_agree(model, other, name, (subject, against or subject), metric)
            found[metric] = Lead(METRICS[metric], *paired_interval(*pair), seeds_agree=agree)
    return found


def seeds_agree(model: Model, other: Model, name: str, who: tuple[str, str], metric: str) -> bool:
    """Returns whether all scores of one model's runs are above, or all below, all scores of the other model's runs.

    Args:
        model: The first model.
        other: The second model.
        name: The split.
        who: The predictors in the first and the second model's evaluation whose scores are compared.
        metric: The metric.
    """
    ours, theirs = (
        [run.evaluation["splits"][name]["scores"].get(predictor, {}).get(metric) for run in each.runs]
        for each, predictor in zip((model, other), who, strict=True)
    )
    pairs = [(a, b) for a in ours for b in theirs if a is not None and b is not None]
    if len(pairs) <= 1:
        return True
    return all(a > b for a, b in pairs) or all(a < b for a, b in pairs)


def comparison_sentence(comparison: ModelComparison) -> str:
    """Says on which metrics the first model is better, on which it is worse, and on which no difference is shown."""
    better, worse, undecided = (_with_sign(comparison, sign) for sign in (1, -1, 0))
    parts = []
    if better:
        parts.append(f"better on {_list(better)}")
    if worse:
        parts.append(f"worse on {_list(worse)}")
    if undecided:
        parts.append(f"no difference is shown on {formats.listing([lead.metric.word for lead in undecided])}")
    return f"{comparison.label} against {comparison.against}: {'; '.join(parts)}."


def comparison_headline(comparisons: Sequence[ModelComparison], first: str) -> str:
    """Returns a sentence for each model that is compared with the model labelled ``first``."""
    return " ".join(_in_short(comparison) for comparison in comparisons if comparison.against == first)


def _in_short(comparison: ModelComparison) -> str:
    better, worse = ([lead.metric.word for lead in _with_sign(comparison, sign)] for sign in (1, -1))
    label, against = comparison.label, comparison.against
    if better and worse:
        on_worse = f"worse than {against} on {formats.listing(worse)}"
        return f"{label} is better than {against} on {formats.listing(better)} and {on_worse}."
    if better:
        return f"{label} is better than {against} on {formats.listing(better)}, and worse on nothing."
    if worse:
        return f"{label} is worse than {against} on {formats.listing(worse)}, and better on nothing."
    return f"No difference is shown between {label} and {against}."


def _with_sign(comparison: ModelComparison, sign: int) -> list[Lead]:
    return [lead for lead in comparison.leads.values() if lead.sign == sign]


def _list(found: Sequence[Lead]) -> str:
    return formats.listing([f"{one.metric.word} ({one.difference} {one.interval})" for one in found])


def _clips(model: Model, name: str, who: str) -> Mapping[str, Any]:
    return (model.clips(name) or {}).get("scores", {}).get(who, {})
