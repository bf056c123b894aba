"""The effect of clutter: scores on a cluttered split minus scores of the same clips without clutter."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from futurepred_jax.metrics.effects import clutter_effects
from futurepred_jax.metrics.table import EFFECTS
from futurepred_jax.reporting import formats
from futurepred_jax.reporting.models import RECONSTRUCTION, Model
from futurepred_jax.reporting.tables import Cell
from futurepred_jax.reporting.vocabulary import METRICS, Metric, predictor_label, style_of

BESIDE = (RECONSTRUCTION, "constant_velocity", "copy_last")  # shown next to the models, from the first one's evaluation
COLUMNS = tuple(METRICS[name] for name, _, _ in EFFECTS)


@dataclasses.dataclass(frozen=True)
class Effect:
    """The effect of clutter on one predictor's scores on one split, with a cell for each of COLUMNS."""

    split: str
    label: str
    style: str
    cells: list[Cell]


def effects(models: Sequence[Model], splits: Sequence[str]) -> list[Effect]:
    """Returns the effects on every split whose twin without clutter is also among ``splits``.

    Args:
        models: The models.
        splits: Names of splits; without their scores by clip the result is empty.
    """
    found = [_of_model(model, splits) for model in models]
    return [
        Effect(name, label, style, [_cell(known.get(column.name), column) for column in COLUMNS])
        for name in found[0]
        for label, style, known in _scored_predictors(models, [by_split.get(name, {}) for by_split in found])
    ]


def _of_model(model: Model, splits: Sequence[str]) -> dict[str, Any]:
    clips = {name: model.clips(name) for name in splits}
    return clutter_effects({name: known["scores"] for name, known in clips.items() if known})


def _scored_predictors(
    models: Sequence[Model], found: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for place, (model, known) in enumerate(zip(models, found, strict=True)):
        if "model" in known:
            label = model.label if len(models) > 1 else predictor_label("model").label
            yield label, f"is-model-{place}" if place else "is-model", known["model"]
    for who in BESIDE:
        if who in found[0]:
            yield predictor_label(who).label, style_of(who), found[0][who]


def _cell(ends: Mapping[str, float | None] | None, column: Metric) -> Cell:
    if ends is None or ends["mean"] is None:
        return Cell(formats.NOTHING)
    low, high = ends["low"], ends["high"]
    sure = low is not None and high is not None and low * high > 0
    mark = ("gain" if column.sign * ends["mean"] > 0 else "loss") if sure else ""
    difference = formats.difference(ends["mean"], column, unit=False)
    return Cell(difference, ends["mean"], mark, formats.interval(low, high, column, signed=True))
