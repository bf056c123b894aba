"""The report's tables: scores with floors and ceiling, the verdict by floor, and parameter counts."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from futurepred_jax.reporting import formats
from futurepred_jax.reporting.comparisons import Comparison, Scores, best_floor, clips_won, subject_of
from futurepred_jax.reporting.verdict import Verdict
from futurepred_jax.reporting.vocabulary import METRICS, PREDICTORS, Metric, metric, predictor


@dataclasses.dataclass(frozen=True)
class Cell:
    """A number as printed; ``mark`` is "best" for the best floor of its column, "gain" or "loss" for a difference."""

    text: str
    mark: str = ""


@dataclasses.dataclass(frozen=True)
class Row:
    """A line of the score table; ``kind`` is the predictor's role, or "difference"."""

    label: str
    kind: str
    cells: list[Cell]


@dataclasses.dataclass(frozen=True)
class ScoreTable:
    """Ceilings first, then the model with its distance to the best floor and to the ceiling, then the floors."""

    columns: list[Metric]
    rows: list[Row]


@dataclasses.dataclass(frozen=True)
class Module:
    """A part of the model: parameters, and their share of the whole."""

    name: str
    count: int
    share: float


def score_table(scores: Scores) -> ScoreTable:
    """Tabulate every score that has a value for anybody."""
    logged = {name for values in scores.values() for name, value in values.items() if value is not None}
    columns = [METRICS[name] for name in METRICS if name in logged]
    columns += [metric(name) for name in sorted(logged - METRICS.keys())]
    order = [name for name in PREDICTORS if name in scores] + [name for name in scores if name not in PREDICTORS]
    best = {column.name: best_floor(scores, column.name) for column in columns}
    rows = []
    for name in order:
        cells = [
            Cell(formats.score(scores[name].get(column.name), column), "best" if best[column.name] == name else "")
            for column in columns
        ]
        is_subject = name == subject_of(scores)
        rows.append(Row(predictor(name).label, "model" if is_subject else predictor(name).role, cells))
        if is_subject:
            rows += _differences(scores, columns, best)
    return ScoreTable(columns, rows)


def verdict_rows(verdict: Verdict) -> dict[str, dict[str, Comparison]]:
    """Comparisons by floor and metric, for the summary's grid."""
    rows: dict[str, dict[str, Comparison]] = {}
    for comparison in verdict.comparisons:
        rows.setdefault(comparison.floor, {})[comparison.metric.name] = comparison
    return rows


def won_text(clips: Mapping[str, Any] | None, scores: Scores, comparison: Comparison) -> str:
    """On what share of the clips the subject is better, such as "83 %"; empty if unknown."""
    won = clips_won(clips, subject_of(scores), comparison) if clips else None
    return formats.percent(won[0] / won[1]) if won else ""


def modules(parameters: Mapping[str, int]) -> list[Module]:
    """Parameter counts by top-level module, the largest first.

    Args:
        parameters: from ``summary.json``: a count for each module, and "total".
    """
    total = parameters["total"]
    parts = sorted(((name, n) for name, n in parameters.items() if name != "total"), key=lambda part: -part[1])
    return [Module(name, n, n / total if total else 0.0) for name, n in parts]


def _differences(scores: Scores, columns: Sequence[Metric], best: Mapping[str, str | None]) -> list[Row]:
    subject = subject_of(scores)
    rows = []
    if any(best.values()):
        cells = [_difference(scores, column, best[column.name]) for column in columns]
        rows.append(Row("against the best floor", "difference", cells))
    if subject == "model" and "tokenizer_reconstruction" in scores:
        cells = [_difference(scores, column, "tokenizer_reconstruction") for column in columns]
        rows.append(Row("against the reconstruction", "difference", cells))
    return rows


def _difference(scores: Scores, column: Metric, other: str | None) -> Cell:
    value, against = scores[subject_of(scores)].get(column.name), scores.get(other or "", {}).get(column.name)
    if value is None or against is None or not column.sign:
        return Cell(formats.NOTHING)
    gain = round(column.sign * (value - against), column.digits)
    mark = "gain" if gain > 0 else "loss" if gain < 0 else ""
    return Cell(formats.difference(value - against, column, unit=False), mark)
