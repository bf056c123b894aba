"""The report's tables: scores with floors and ceiling, the verdict by floor, and parameter counts."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from futurepred_jax.reporting import formats
from futurepred_jax.reporting.comparisons import Comparison, Scores, best_floor, clips_won, subject_of
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
"""Scores that a table shows before it is asked for all."""


@dataclasses.dataclass(frozen=True)
class Cell:
    """A number as printed, and to sort by; ``mark`` is "best" for the best floor, "gain" or "loss" for a difference.

    ``doubt`` is its interval, or its standard deviation over the seeds.
    """

    text: str
    value: Number | None = None
    mark: str = ""
    doubt: str = ""


@dataclasses.dataclass(frozen=True)
class Row:
    """A predictor's scores, and under them its differences from others, by what stands before them."""

    label: str
    role: str
    style: str
    cells: list[Cell]
    differences: dict[str, list[Cell]]


@dataclasses.dataclass(frozen=True)
class ScoreTable:
    """Ceilings first, then the models with their distance to the best floor and to the ceiling, then the floors."""

    columns: list[Metric]
    rows: list[Row]


@dataclasses.dataclass(frozen=True)
class Module:
    """A part of the model: parameters, and their share of the whole."""

    name: str
    count: int
    share: float


def score_table(predictors: Sequence[ScoredPredictor]) -> ScoreTable:
    """Tabulate every score that has a value for anybody, those of MAIN first."""
    logged = {name for one in predictors for name, value in one.scores.items() if value is not None}
    names = [*(name for name in MAIN if name in logged), *(name for name in METRICS if name in logged - {*MAIN})]
    columns = [METRICS[name] for name in names] + [metric(name) for name in sorted(logged - METRICS.keys())]
    floors = {one.name: one.scores for one in predictors if one.role == "floor"}
    best = {column.name: best_floor(floors, column.name) for column in columns}
    return ScoreTable(columns, [_row(one, predictors, columns, best) for one in predictors])


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
