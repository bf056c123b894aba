"""Puts an evaluation into words: which floors the model beats, and by how much."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from futurepred_jax.metrics.table import REFERENCE_FLOORS, flagged, subject_of
from futurepred_jax.reporting import formats
from futurepred_jax.reporting.comparisons import Comparison, Scores, compare, floors_of
from futurepred_jax.reporting.formats import Number
from futurepred_jax.reporting.vocabulary import HEADLINE, METRICS, Metric, predictor_label


@dataclasses.dataclass(frozen=True)
class Verdict:
    """The summary of an evaluation: one main sentence, further sentences, and the comparisons behind them."""

    headline: str
    details: list[str]
    comparisons: list[Comparison]


def judge(split: Mapping[str, Any]) -> Verdict:
    """Puts the evaluation of a split into words.

    Args:
        split: An entry of ``splits`` in ``evaluation.json``.
    """
    scores, comparisons = split["scores"], compare(split)
    lost = {c.floor for c in comparisons if not c.beats}
    told = [floor for floor in floors_of(scores) if floor in lost or floor in REFERENCE_FLOORS]
    details = [_against(floor, [c for c in comparisons if c.floor == floor]) for floor in told]
    details += [] if comparisons else ["No floor was scored, so there is nothing to compare with."]
    details += [flagged(split)] if split.get("flagged") else []
    details += [_pathway(split), _skill(split.get("margins") or {}), _ceiling(scores), _recall(scores)]
    details += [_pairs(split), _tracker(split.get("tracker") or {}), _codebook(split.get("codebook") or {})]
    return Verdict(_headline(scores, comparisons), [sentence for sentence in details if sentence], comparisons)


def _headline(scores: Scores, comparisons: Sequence[Comparison]) -> str:
    if not comparisons:
        return _alone(scores)
    won, lost = (_grouped(c for c in comparisons if c.beats is beats) for beats in (True, False))
    if won and lost:
        return f"{_who(scores)} beats {won}. It does not beat {lost}."
    return f"{_who(scores)} beats {won}." if won else f"{_who(scores)} does not beat {lost}."


def _grouped(comparisons: Iterable[Comparison]) -> str:
    """Groups floors by their metrics: "a and b on PSNR and ADE, and c on ADE"."""
    metrics: dict[str, list[str]] = {}
    for comparison in comparisons:
        metrics.setdefault(comparison.floor, []).append(comparison.metric.word)
    floors: dict[str, list[str]] = {}
    for floor, words in metrics.items():
        floors.setdefault(formats.listing(words), []).append(floor)
    return ", and ".join(f"{_names(group)} on {words}" for words, group in floors.items())


def _alone(scores: Scores) -> str:
    subject = subject_of(scores)
    values = [
        f"{METRICS[name].word} {formats.score(value, METRICS[name], unit=True)}"
        for name in HEADLINE
        if (value := scores.get(subject, {}).get(name)) is not None
    ]
    return f"{_who(scores)} scores {formats.listing(values)}." if values else f"{_who(scores)} has no scores."


def _against(floor: str, comparisons: Sequence[Comparison]) -> str:
    name = predictor_label(floor).label.lower()
    won = formats.listing(
        [f"{c.metric.word} by {formats.score(c.gain, c.metric, unit=True)}" for c in comparisons if c.beats]
    )
    lost = formats.listing([f"{c.metric.word} ({_both(c)})" for c in comparisons if not c.beats])
    if not lost:
        return f"It beats {name} on {won}." if won else ""
    return (
        f"It beats {name} on {won}, but does not beat it on {lost}." if won else f"It does not beat {name} on {lost}."
    )


def _both(comparison: Comparison) -> str:
    value, against = (formats.score(v, comparison.metric) for v in (comparison.value, comparison.against))
    chance = ", within the noise" if comparison.gain > 0 else ""
    return f"{value} against {against} {comparison.metric.unit}".strip() + chance


def _pathway(split: Mapping[str, Any]) -> str:
    """Says how the scores change if the motion pathway watches another clip."""
    margins, gates = (split.get("margins") or {}).get("shuffled_pathway"), split.get("gates") or {}
    if not margins:
        return ""
    lost = [
        _negated(ends, METRICS[name]) for name in HEADLINE if (ends := margins.get(name)) and ends["mean"] is not None
    ]
    opened = ", ".join(formats.difference(gate, METRICS["recall"]) for gate in gates.values())
    return f"If its pathway watches another clip, it changes by {formats.listing(lost)}; its gates are at {opened}."


def _negated(ends: Mapping[str, Any], metric: Metric) -> str:
    """Formats a difference with its sign reversed, and its interval if that is known."""
    difference = f"{metric.word} {formats.difference(-ends['mean'], metric)}"
    if ends["low"] is None:
        return difference
    return f"{difference} {formats.interval(-ends['high'], -ends['low'], metric, signed=True)}"


def _skill(margins: Mapping[str, Mapping[str, Any]]) -> str:
    skills = [
        f"{formats.number(margins[floor]['skill'])} against {_names([floor])}"
        for floor in REFERENCE_FLOORS
        if margins.get(floor, {}).get("skill") is not None
    ]
    return f"Its skill on positions (1 is perfect, 0 no better) is {formats.listing(skills)}." if skills else ""


def _ceiling(scores: Scores) -> str:
    model, ceiling = scores.get("model", {}), scores.get("tokenizer_reconstruction", {})
    gaps = [
        f"{kind.word} {formats.score(top, kind, unit=True)} ({formats.difference(value - top, kind, unit=False)})"
        for kind in (METRICS[name] for name in HEADLINE)
        if (top := ceiling.get(kind.name)) is not None and (value := model.get(kind.name)) is not None
    ]
    return f"The tokenizer's reconstruction, its ceiling, has {formats.listing(gaps)}." if gaps else ""


def _recall(scores: Scores) -> str:
    found, ceiling = (scores.get(who, {}).get("recall") for who in ("model", "tokenizer_reconstruction"))
    if found is None:
        return ""
    share = (
        f", {formats.percent(found / ceiling)} of the reconstruction's {formats.number(ceiling, 3)}" if ceiling else ""
    )
    return f"Its recall of the visible objects is {formats.number(found, 3)}{share}."


def _pairs(split: Mapping[str, Any]) -> str:
    """Says how often the model assigns the possible clip of a pair the higher likelihood."""
    share = split["scores"].get("model", {}).get("pairs_ranked")
    if share is None:
        return ""
    low, high = (split.get("intervals") or {}).get("model", {}).get("pairs_ranked") or (None, None)
    doubt = "" if low is None else f" (95 % interval {formats.percent(low)} to {formats.percent(high)})"
    right = f"{formats.percent(share)} of them{doubt}"
    return f"Of pairs of clips it finds the possible one likelier than the impossible one in {right}; chance is 50 %."


def _tracker(tracker: Mapping[str, Number | None]) -> str:
    if tracker.get("ade") is None:
        return ""
    error, recall = formats.score(tracker["ade"], METRICS["ade"], unit=True), formats.number(tracker.get("recall"), 3)
    return f"On the true frames themselves the tracker errs by {error} and finds {recall} of the objects."


def _codebook(codebook: Mapping[str, Any]) -> str:
    if codebook.get("usage") is None:
        return ""
    sizes = " + ".join(formats.number(size, 0) for size in codebook.get("sizes") or ())
    size = f" of {sizes} codes" if sizes else ""
    perplexity = f", perplexity {formats.number(codebook['perplexity'], 0)}" if codebook.get("perplexity") else ""
    return f"Codebook usage is {formats.percent(codebook['usage'])}{size}{perplexity}."


def _who(scores: Scores) -> str:
    return "The model" if subject_of(scores) == "model" else "The tokenizer's reconstruction"


def _names(floors: Sequence[str]) -> str:
    return formats.listing([predictor_label(floor).label.lower() for floor in floors])
