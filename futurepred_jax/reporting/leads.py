"""One model beside another on the same clips: by how much, and how sure."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from futurepred_jax.metrics.bootstrap import paired_interval
from futurepred_jax.reporting import formats
from futurepred_jax.reporting.comparisons import subject_of
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
    """One minus another on a metric, mean over the clips that have both, with a paired 95 % bootstrap interval.

    ``seeds_agree`` says whether, of models trained with several seeds, every run of the one is on the same side of
    every run of the other.
    """

    metric: Metric
    mean: Number
    low: Number
    high: Number
    seeds_agree: bool = True

    @property
    def sign(self) -> int:
        """1 where the first is better beyond doubt, -1 where it is worse, 0 where neither is shown."""
        ends = sorted(self.metric.sign * end for end in (self.low, self.high))
        certain = self.seeds_agree and round(abs(self.mean), self.metric.digits) > 0
        return 0 if not certain or ends[0] <= 0 <= ends[1] else 1 if ends[0] > 0 else -1

    @property
    def difference(self) -> str:
        """Signed, with its unit."""
        return formats.difference(self.mean, self.metric)

    @property
    def interval(self) -> str:
        """The ends of the interval."""
        return formats.interval(self.low, self.high, self.metric, signed=True)


@dataclasses.dataclass(frozen=True)
class Duel:
    """A model, or what it loses when blinded, against another on one split."""

    label: str
    against: str
    leads: dict[str, Lead]


def duels(models: Sequence[Model], name: str) -> list[Duel]:
    """Every model against the first, then each that has a pathway against itself, the pathway on another clip."""
    first, *others = models
    found = [Duel(model.label, first.label, leads(model, first, name)) for model in others]
    blind = [model for model in models if SHUFFLED in model.split(name)["scores"]]
    found += [Duel(m.label, "itself, shuffled pathway", leads(m, m, name, against=SHUFFLED)) for m in blind]
    return [duel for duel in found if duel.leads]


def leads(model: Model, other: Model, name: str, *, against: str | None = None) -> dict[str, Lead]:
    """The model minus the other by metric, of those of which both have values clip by clip.

    Args:
        model: Whose lead it is.
        other: Of whom; may be the same.
        name: Split.
        against: Whose scores of the other, by default its own.
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
    """Whether all scores of one model's runs lie on one side of all of the other's."""
    ours, theirs = (
        [run.evaluation["splits"][name]["scores"].get(one, {}).get(metric) for run in each.runs]
        for each, one in zip((model, other), who, strict=True)
    )
    known = [(a, b) for a in ours for b in theirs if a is not None and b is not None]
    return all(a > b for a, b in known) or all(a < b for a, b in known) if len(known) > 1 else True


def duel_sentence(duel: Duel) -> str:
    """Where one helps, where it harms, and where nothing is shown."""
    better, worse, open_ = ([one for one in duel.leads.values() if one.sign == sign] for sign in (1, -1, 0))
    parts = []
    if better:
        parts.append(f"better on {_list(better)}")
    if worse:
        parts.append(f"worse on {_list(worse)}")
    words = [one.metric.word for one in open_]
    if words:
        parts.append(f"no difference is shown on {formats.listing(words)}")
    return f"{duel.label} against {duel.against}: {'; '.join(parts)}."


def duel_headline(fought: Sequence[Duel], first: str) -> str:
    """The comparison in a sentence for each of the others."""
    return " ".join(_in_short(duel) for duel in fought if duel.against == first)


def _in_short(duel: Duel) -> str:
    better, worse = ([one.metric.word for one in duel.leads.values() if one.sign == sign] for sign in (1, -1))
    if not better and not worse:
        return f"No difference is shown between {duel.label} and {duel.against}."
    sides = {"better": better, "worse": worse}
    told = [f"{word} than {duel.against} on {formats.listing(on)}" for word, on in sides.items() if on]
    rest = "" if better and worse else ", and worse on nothing" if better else ", and better on nothing"
    return f"{duel.label} is {' and '.join(told)}{rest}."


def _list(found: Sequence[Lead]) -> str:
    return formats.listing([f"{one.metric.word} ({one.difference} {one.interval})" for one in found])


def _clips(model: Model, name: str, who: str) -> Mapping[str, Any]:
    return (model.clips(name) or {}).get("scores", {}).get(who, {})
