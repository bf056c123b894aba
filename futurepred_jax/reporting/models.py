"""The models that a page is about, each trained with one or several seeds, and the predictors scored next to them."""

import dataclasses
import json
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from futurepred_jax.metrics.ratios import mean
from futurepred_jax.metrics.table import subject_of
from futurepred_jax.reporting.vocabulary import PREDICTORS, Role, predictor_label, style_of
from futurepred_jax.reporting.workdir import Run

SHUFFLED, RECONSTRUCTION = "shuffled_pathway", "tokenizer_reconstruction"
OWN = (
    "model",
    "first_guess",
    SHUFFLED,
    RECONSTRUCTION,
)  # what differs from model to model of one split; the rest is the split's
NOT_THE_MODEL = (
    "seed",
    "storage",
    "evaluation",
    "predictions",
    "workdir",
    "logging",
    "mesh",
    "compile",
    "compare",
    "replay",
)
"""Fields of a config that may differ between the seeds of one model."""


@dataclasses.dataclass(frozen=True)
class Model:
    """One config, trained in one or several runs that differ only in their seed; ``label`` is its name on the page."""

    label: str
    runs: tuple[Run, ...]

    @property
    def alone(self) -> bool:
        """Whether the model was trained with a single seed."""
        return len(self.runs) == 1

    def split(self, name: str) -> dict[str, Any]:
        """Returns a split's part of ``evaluation.json``; scores and ends of intervals are averaged over the runs."""
        parts = [run.evaluation["splits"][name] for run in self.runs]
        averaged = {
            key: mean_of([part[key] for part in parts])
            for key in ("scores", "margins", "intervals", "curves", "calibration", "gates")
            if key in parts[0]
        }
        return {**parts[0], **averaged}

    def clips(self, name: str) -> dict[str, Any] | None:
        """Returns a split's part of ``evaluation_clips.json``, averaged over the runs; None if a run has none."""
        parts = [(run.clips or {}).get(name) for run in self.runs]
        return mean_of(parts) if all(parts) else None

    def spread(self, name: str, who: str, metric: str) -> float | None:
        """Returns the standard deviation of a score over the seeds; None for a single seed."""
        values = [run.evaluation["splits"][name]["scores"].get(who, {}).get(metric) for run in self.runs]
        return statistics.stdev(values) if len(values) > 1 and None not in values else None


@dataclasses.dataclass(frozen=True)
class ScoredPredictor:
    """A predictor with its scores on a split: a model, a floor that it must beat, or a ceiling that it cannot pass.

    Attributes:
        name: Its name in ``evaluation.json``; with several models, that of a later model ends in "-" and its number.
        label: Its name on the page.
        role: Its role.
        style: The CSS class of its marks.
        scores: Scores by metric.
        intervals: Ends of the scores' intervals, by metric; empty for a model with several seeds.
        spread: Standard deviation over the seeds, by metric.
        curves: One value per future frame, by metric.
        clips: One value per clip, by metric; empty if the evaluation kept none.
        objects: One value per target, by metric; empty if the evaluation kept none.
    """

    name: str
    label: str
    role: Role
    style: str
    scores: Mapping[str, float | None]
    intervals: Mapping[str, Sequence[float | None]]
    spread: Mapping[str, float | None]
    curves: Mapping[str, Sequence[float | None]]
    clips: Mapping[str, Sequence[float | None]]
    objects: Mapping[str, Sequence[float | None]]


def group(runs: Sequence[Run]) -> list[Model]:
    """Groups runs of the same config and sampling that differ in their seed into one model.

    A model with several runs is labelled by its config, a model with one run by its workdir.
    """
    found: dict[str, list[Run]] = {}
    for run in runs:
        sampling = [str(split.get("sampling")) for split in run.evaluation["splits"].values()]
        key = json.dumps([_essence(run.training.config), sorted(set(sampling))], sort_keys=True)
        repeated = any(_seed(other) == _seed(run) for other in found.get(key, ()))
        found.setdefault(f"{key} {run.training.name}" if repeated else key, []).append(run)
    labels = [_label(members) for members in found.values()]
    return [
        Model(label if labels.count(label) == 1 else f"{label} ({members[0].training.name})", tuple(members))
        for label, members in zip(labels, found.values(), strict=True)
    ]


def scored_predictors(models: Sequence[Model], name: str) -> list[ScoredPredictor]:
    """Returns all predictors that were scored on a split: ceilings, then models, then floors.

    Models that share a tokenizer share the entry of its reconstruction. Floors come from the first model's evaluation,
    since they are equal for all models on the same clips under the same protocol.

    Args:
        models: The models.
        name: The split.
    """
    found, first = [], models[0].split(name)["scores"].get(RECONSTRUCTION)
    for place, model in enumerate(models):
        split, clips = model.split(name), model.clips(name) or {}
        for who, scores in split["scores"].items():
            repeated = who not in OWN or (who == RECONSTRUCTION and _same(scores, first or {}))
            if not (place and repeated):
                label = _label_of(model, who, subject_of(split["scores"]), place, alone=len(models) == 1)
                found.append(_scored_predictor(model, name, who, place, label, split, clips))
    order = {"ceiling": 0, "model": 1, "other": 1, "floor": 2}
    return sorted(found, key=lambda one: (order[one.role], _place(one)))


def require_comparable(runs: Sequence[Run]) -> list[str]:
    """Returns the splits that all runs were scored on.

    Raises:
        ValueError: If the runs were not scored by the same protocol on the same clips; the message says what differs.
    """
    first = runs[0]
    if classifier := next((run for run in runs if run.training.config.get("kind") == "classifier"), None):
        raise ValueError(
            f"{classifier.training.name} is a classifier, which generates no frames: compare predictors or tokenizers"
        )
    for run in runs[1:]:
        names = f"{first.training.name} and {run.training.name}"
        if changed := _changed(first.evaluation["protocol"], run.evaluation["protocol"]):
            raise ValueError(
                f"{names} were scored by different protocols ({changed}): run --mode=evaluate on both again"
            )
        for split in first.evaluation["splits"].keys() & run.evaluation["splits"].keys():
            pair = [each.evaluation["splits"][split] for each in (first, run)]
            if len({subject_of(part["scores"]) for part in pair}) > 1:
                raise ValueError(f"of {names} one predicts and one is a tokenizer: compare like with like")
            keys = ("sha256", "clips", "context_frames", "future_frames")
            if changed := _changed(*({key: part.get(key) for key in keys} for part in pair)):
                raise ValueError(
                    f"{names} were scored on different clips of {split} ({changed}): compare runs of one data set"
                )
    shared = [name for name in first.evaluation["splits"] if all(name in run.evaluation["splits"] for run in runs)]
    if not shared:
        scored = "; ".join(f"{run.training.name}: {', '.join(run.evaluation['splits'])}" for run in runs)
        raise ValueError(f"no split was scored for all ({scored}): run --mode=evaluate --splits=… where it is missing")
    return shared


def mean_of(values: Sequence[Any]) -> Any:
    """Averages trees of equal structure leaf by leaf, ignoring unknown numbers; strings are taken from the first."""
    first = values[0]
    if all(value == first for value in values):
        return first
    if isinstance(first, Mapping):
        return {key: mean_of([value[key] for value in values if key in value]) for key in first}
    if isinstance(first, str):
        return first
    found = mean(np.array(values, float), axis=0)
    return np.where(np.isnan(found), np.array(None), found).tolist()


def _scored_predictor(
    model: Model, name: str, who: str, place: int, label: str, split: Mapping[str, Any], clips: Mapping[str, Any]
) -> ScoredPredictor:
    is_subject = who == subject_of(split["scores"])
    return ScoredPredictor(
        name=f"{who}-{place}" if place else who,
        label=label,
        role="model" if is_subject else predictor_label(who).role,
        style=f"is-model-{place}" if is_subject and place else style_of(who),
        scores=split["scores"][who],
        intervals=(split.get("intervals") or {}).get(who, {}) if model.alone else {},
        spread={metric: model.spread(name, who, metric) for metric in split["scores"][who]},
        curves=(split.get("curves") or {}).get(who, {}),
        clips=clips.get("scores", {}).get(who, {}),
        objects=clips.get("objects", {}).get("scores", {}).get(who, {}),
    )


def _same(scores: Mapping[str, Any], others: Mapping[str, Any]) -> bool:
    """Returns whether two reconstructions agree on all scores that both have."""
    return all(scores[name] == others[name] for name in scores.keys() & others.keys())


def _label_of(model: Model, who: str, subject: str, place: int, *, alone: bool) -> str:
    kind = predictor_label(who).label
    if alone or who not in OWN or (who == RECONSTRUCTION != subject and not place):
        return kind
    return model.label if who == subject else f"{model.label} · {kind.lower()}"


def _place(one: ScoredPredictor) -> tuple[int, int]:
    """Returns the sort key: models in the given order, each followed by its variants, the rest as ``PREDICTORS``."""
    who, _, place = one.name.partition("-")
    listed = list(PREDICTORS)
    return (
        int(place or 0) if one.role in ("model", "other") else 0,
        listed.index(who) if who in listed else len(listed),
    )


def _label(runs: Sequence[Run]) -> str:
    config = runs[0].training.config
    if len(runs) == 1 or "name" not in config:
        return runs[0].training.name
    return f"{config['name']}-{config.get('preset', '')}".strip("-")


def _seed(run: Run) -> Any:
    return run.training.config.get("seed")


def _essence(config: Mapping[str, Any]) -> Any:
    """Returns a config without the fields that may differ between the seeds of one model."""
    return {
        key: _essence(value) if isinstance(value, Mapping) else value
        for key, value in config.items()
        if key not in NOT_THE_MODEL
    }


def _changed(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> str:
    names = [key for key in {**ours, **theirs} if ours.get(key) != theirs.get(key)]
    return "; ".join(f"{key}: {_short(ours.get(key))} and {_short(theirs.get(key))}" for key in names)


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 40 else text[:39] + "…"
