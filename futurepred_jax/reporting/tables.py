"""The report's tables: scores with floors and ceilings, comparisons by floor, and parameter counts."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from futurepred_jax.metrics.table import subject_of
from futurepred_jax.reporting import formats
from futurepred_jax.reporting.comparisons import Comparison, Scores, best_floor, clips_won
from futurepred_jax.reporting.formats import Number
from futurepred_jax.reporting.models import ScoredPredictor
from futurepred_jax.reporting.verdict import Verdict
from futurepred_jax.reporting.vocabulary import METRICS, Metric, metric

MAIN = (
    "psnr",
    "ssim",
    "openstl_mse",
    "openstl_mae",
    "openstl_ssim",
    "openstl_psnr",
    "foreground_psnr",
    "ade",
    "recall",
    "mask_iou",
    "clutter_recall",
    "token_accuracy",
    "bits_per_token",
)
"""Scores that a table shows by default."""


@dataclasses.dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Attributes:
        text: The number as it is printed.
        value: The number by which the column is sorted.
        mark: "best" for the best floor, "gain" or "loss" for a difference, otherwise empty.
        doubt: The interval, or the standard deviation over seeds, as text.
    """

    text: str
    value: Number | None = None
    mark: str = ""
    doubt: str = ""


@dataclasses.dataclass(frozen=True)
class Row:
    """A predictor's scores, followed by rows of differences from other predictors, by the label of the row."""

    label: str
    role: str
    style: str
    cells: list[Cell]
    differences: dict[str, list[Cell]]


@dataclasses.dataclass(frozen=True)
class ScoreTable:
    """A table of scores: ceilings, then models with their differences from floors and ceiling, then floors."""

    columns: list[Metric]
    rows: list[Row]


@dataclasses.dataclass(frozen=True)
class Module:
    """A module of a model: its number of parameters, and their share of the total."""

    name: str
    count: int
    share: float


def score_table(predictors: Sequence[ScoredPredictor]) -> ScoreTable:
    """Tabulates every score that at least one predictor has, those of ``MAIN`` first."""
    logged = {name for one in predictors for name, value in one.scores.items() if value is not None}
    names = [*(name for name in MAIN if name in logged), *(name for name in METRICS if name in logged - {*MAIN})]
    columns = [METRICS[name] for name in names] + [metric(name) for name in sorted(logged - METRICS.keys())]
    floors = {one.name: one.scores for one in predictors if one.role == "floor"}
    best = {column.name: best_floor(floors, column.name) for column in columns}
    return ScoreTable(columns, [_row(one, predictors, columns, best) for one in predictors])


def verdict_rows(verdict: Verdict) -> dict[str, dict[str, Comparison]]:
    """Returns the comparisons of a verdict by floor and metric."""
    rows: dict[str, dict[str, Comparison]] = {}
    for comparison in verdict.comparisons:
        rows.setdefault(comparison.floor, {})[comparison.metric.name] = comparison
    return rows


def won_text(clips: Mapping[str, Any] | None, scores: Scores, comparison: Comparison) -> str:
    """Returns the share of clips on which the subject is better, such as "83 %", or an empty string if unknown."""
    won = clips_won(clips, subject_of(scores), comparison) if clips else None
    return formats.percent(won[0] / won[1]) if won else ""


def modules(parameters: Mapping[str, int]) -> list[Module]:
    """Returns parameter counts by top-level module, the largest first.

    Args:
        parameters: Counts by module, and their "total", from ``summary.json``.
    """
    total = parameters["total"]
    parts = sorted(((name, n) for name, n in parameters.items() if name != "total"), key=lambda part: -part[1])
    return [Module(name, n, n / total if total else 0.0) for name, n in parts]


def _row(
    one: ScoredPredictor,
    predictors: Sequence[ScoredPredictor],
    columns: Sequence[Metric],
    best: Mapping[str, str | None],
) -> Row:
    cells = [_cell(one, column, "best" if best[column.name] == one.name else "") for column in columns]
    differences = {}
    scores = {other.name: other.scores for other in predictors}
    if one.role == "model" and any(best.values()):
        against = [scores.get(best[column.name] or "", {}) for column in columns]
        differences["against the best floor"] = _differences(one, columns, against)
    if one.role == "model" and one.name.startswith("model") and "tokenizer_reconstruction" in scores:
        _, _, place = one.name.partition("-")
        own = scores.get(f"tokenizer_reconstruction-{place}", scores["tokenizer_reconstruction"])
        differences["against the reconstruction"] = _differences(one, columns, [own] * len(columns))
    return Row(one.label, one.role, one.style, cells, differences)


def _cell(one: ScoredPredictor, column: Metric, mark: str) -> Cell:
    value, deviation = one.scores.get(column.name), one.spread.get(column.name)
    low, high = one.intervals.get(column.name) or (None, None)
    doubt = formats.interval(low, high, column)
    if deviation is not None:
        doubt = f"± {formats.number(deviation, column.digits)}"
    return Cell(formats.score(value, column), value, mark, doubt)


def _differences(
    one: ScoredPredictor, columns: Sequence[Metric], against: Sequence[Mapping[str, Number | None]]
) -> list[Cell]:
    return [
        _difference(one.scores.get(column.name), other.get(column.name), column)
        for column, other in zip(columns, against, strict=True)
    ]


def _difference(value: Number | None, against: Number | None, column: Metric) -> Cell:
    if value is None or against is None or not column.sign:
        return Cell(formats.NOTHING)
    gain = round(column.sign * (value - against), column.digits)
    mark = "gain" if gain > 0 else "loss" if gain < 0 else ""
    return Cell(formats.difference(value - against, column, unit=False), mark=mark)
