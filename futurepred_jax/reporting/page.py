"""Renders one self-contained page about one model, or about several side by side."""

import dataclasses
import statistics
from collections.abc import Sequence
from typing import Any

from futurepred_jax.metrics.table import REFERENCE_FLOORS
from futurepred_jax.reporting import formats, tables
from futurepred_jax.reporting.breakdown import breakdowns, family_sentence
from futurepred_jax.reporting.charts import Chart, calibration_chart, horizon_charts, training_charts
from futurepred_jax.reporting.dots import DotChart
from futurepred_jax.reporting.effects import COLUMNS, effects
from futurepred_jax.reporting.facts import Facts, log_notes, protocol_facts, rules, training_facts
from futurepred_jax.reporting.failures import KINDS, failure_shares
from futurepred_jax.reporting.gallery import make_gallery
from futurepred_jax.reporting.leads import ModelComparison, compare_models, comparison_headline, comparison_sentence
from futurepred_jax.reporting.models import Model, ScoredPredictor, scored_predictors
from futurepred_jax.reporting.templates import environment
from futurepred_jax.reporting.verdict import Verdict, judge
from futurepred_jax.reporting.vocabulary import HEADLINE, METRICS, PREDICTORS
from futurepred_jax.reporting.workdir import Training

BRIEF = ("psnr", "foreground_psnr", "ade", "recall")  # scores in the table of all splits
LEADS = tuple((floor, name) for floor in REFERENCE_FLOORS for name in ("psnr", "ade"))  # leads shown there


@dataclasses.dataclass(frozen=True)
class ModelVerdict:
    """A model compared with the floors of a split.

    Attributes:
        label: Label of the model.
        verdict: The comparison in words.
        grid: The comparisons by floor and metric.
        won: Text of the share of clips on which the model beats the floor, by floor and metric.
        intervals: Whether any comparison has an interval.
    """

    label: str
    verdict: Verdict
    grid: dict[str, dict[str, Any]]
    won: dict[tuple[str, str], str]
    intervals: bool


@dataclasses.dataclass(frozen=True)
class SplitView:
    """A split as the page shows it."""

    name: str
    data: str  # the source of recorded clips, otherwise empty
    facts: Facts
    headline: str
    verdicts: list[ModelVerdict]
    comparisons: list[ModelComparison]
    sentences: list[str]
    predictors: list[ScoredPredictor]
    table: tables.ScoreTable
    horizon: list[Chart]
    breakdown: dict[str, list[DotChart]]
    failures: dict[str, list[tuple[str, tuple[float, int] | None]]]
    calibration: Chart | None


@dataclasses.dataclass(frozen=True)
class TrainingView:
    """A training as the page shows it."""

    title: str
    name: str
    facts: Facts
    modules: list[tables.Module]
    parameters: dict[str, int]
    parameter_table: list[Any]
    config: dict[str, str]
    learned: list[Chart]
    operation: list[Chart]
    notes: list[str]


def render(
    title: str,
    models: Sequence[Model],
    splits: Sequence[str],
    *,
    tokenizer: Training | None = None,
    remarks: Sequence[str] = (),
) -> str:
    """Returns the page as HTML.

    Args:
        title: Title of the page.
        models: One model to report on, or several to compare with the first.
        splits: Names of the splits to show; all models must have been scored on them.
        tokenizer: The training of the model's tokenizer, if it should be shown.
        remarks: Notes about what is not shown, and why.
    """
    views = [_split_view(models, name) for name in splits]
    first, headline = models[0].runs[0], _headline(views)
    page = {
        "title": title,
        "compares": len(models) > 1,
        "predicts": any(one.name == "model" for view in views for one in view.predictors),
        "models": models,
        "facts": [_model_facts(model, splits[0]) for model in models],
        "differing": _differing(models),
        "splits": views,
        "brief": BRIEF,
        "leads": LEADS,
        "effects": effects(models, splits),
        "effect_columns": COLUMNS,
        "headline": headline,
        "gallery": make_gallery(models, headline),
        "ranked": any(one.entry["why"] != "random" for one in first.predictions),
        "kinds": KINDS,
        "trainings": _trainings(models, tokenizer),
        "remarks": remarks,
        "rules": rules(first.evaluation["protocol"]),
        "metrics": _metrics_used(views),
        "predictors": [
            PREDICTORS[name]
            for name in PREDICTORS
            if any(name in first.evaluation["splits"][s]["scores"] for s in splits)
        ],
    }
    return environment().get_template("report.html.j2").render(page)


def _headline(views: Sequence[SplitView]) -> tuple[str, ...]:
    """Returns the metrics of ``HEADLINE`` for which at least one predictor has a score."""
    predictors = [one for view in views for one in view.predictors]
    return tuple(name for name in HEADLINE if any(one.scores.get(name) is not None for one in predictors))


def _split_view(models: Sequence[Model], name: str) -> SplitView:
    predictors, split = scored_predictors(models, name), models[0].split(name)
    verdicts = [_verdict(model, name) for model in models]
    comparisons = compare_models(models, name)
    return SplitView(
        name=name,
        data="" if split.get("data") in (None, "clutter") else split["data"],
        facts=protocol_facts(models[0].runs[0].evaluation["protocol"], split),
        headline=comparison_headline(comparisons, models[0].label) if len(models) > 1 else verdicts[0].verdict.headline,
        verdicts=verdicts,
        comparisons=comparisons,
        sentences=[*map(comparison_sentence, comparisons), *_by_family(models, name)],
        predictors=predictors,
        table=tables.score_table(predictors),
        horizon=horizon_charts(predictors),
        breakdown=breakdowns(predictors, models[0].clips(name)),
        failures=_failures(predictors),
        calibration=_calibration(models, name),
    )


def _verdict(model: Model, name: str) -> ModelVerdict:
    split, clips = model.split(name), model.clips(name)
    verdict = judge(split)
    won = {(c.floor, c.metric.name): tables.won_text(clips, split["scores"], c) for c in verdict.comparisons}
    intervals = any(comparison.interval for comparison in verdict.comparisons)
    return ModelVerdict(model.label, verdict, tables.verdict_rows(verdict), won, intervals)


def _by_family(models: Sequence[Model], name: str) -> list[str]:
    first, *others = models
    told = [family_sentence(one.label, first.label, one.clips(name), first.clips(name)) for one in others]
    return [sentence for sentence in told if sentence]


def _failures(predictors: Sequence[ScoredPredictor]) -> dict[str, list[tuple[str, tuple[float, int] | None]]]:
    """Returns the shares of each failure by predictor, without failures and predictors for which none is known."""
    shares = {one.label: failure_shares(one) for one in predictors if one.name not in ("mean_frame", "black_frame")}
    shares = {label: found for label, found in shares.items() if any(found.values())}
    rows = {kind.label: [(label, found[kind.label]) for label, found in shares.items()] for kind in KINDS}
    return {kind: row for kind, row in rows.items() if any(share for _, share in row)}


def _calibration(models: Sequence[Model], name: str) -> Chart | None:
    found = {}
    for place, model in enumerate(models):
        known = (model.split(name).get("calibration") or {}).get("model")
        if known:
            label = model.label if len(models) > 1 else "Model"
            found[f"is-model-{place}" if place else "is-model"] = {"label": label, **known}
    return calibration_chart(found)


def _model_facts(model: Model, split: str) -> dict[str, str]:
    """Returns the facts about a model by the heading of their column; costs are averaged over its runs."""
    summaries = [run.training.summary for run in model.runs]
    memory, speed = (
        [value for s in summaries if (value := s.get(section, {}).get(name)) is not None]
        for section, name in (("efficiency", "peak_memory_bytes"), ("throughput", "tokens_per_second"))
    )
    gates = model.split(split).get("gates") or {}
    return {
        "Runs": ", ".join(run.training.name for run in model.runs),
        "Seeds": ", ".join(str(run.training.config.get("seed", formats.NOTHING)) for run in model.runs),
        "Parameters": formats.count(summaries[0]["parameters"]["total"]),
        "Steps": formats.count(summaries[0]["steps"]),
        "Training time": formats.duration(statistics.fmean(s["seconds"] for s in summaries)),
        "Peak memory": f"{statistics.fmean(memory) / 1e9:.2f} GB" if memory else formats.NOTHING,
        "Tokens per second": formats.count(statistics.fmean(speed)) if speed else formats.NOTHING,
        "Sampling": str(model.split(split).get("sampling", formats.NOTHING)),
        "Gates": ", ".join(formats.number(gate, 3) for gate in gates.values()) or "no pathway",
        "Hardware": formats.listing(list(dict.fromkeys(str(s["hardware"]) for s in summaries))),
    }


def _differing(models: Sequence[Model]) -> dict[str, list[str]]:
    """Returns the fields in which the models' configs differ, with the value of each model."""
    configs = [formats.flatten(model.runs[0].training.config) for model in models]
    fields = dict.fromkeys(name for config in configs for name in config)
    values = {name: [config.get(name, formats.NOTHING) for config in configs] for name in fields}
    return {name: found for name, found in values.items() if len(set(found)) > 1}


def _trainings(models: Sequence[Model], tokenizer: Training | None) -> list[TrainingView]:
    runs = [run for model in models for run in model.runs]
    if len(runs) > 1:
        return [_training_view(run.training, title="Training") for run in runs]
    views = [_training_view(runs[0].training, title="Training of the predictor" if tokenizer else "Training")]
    return [*views, _training_view(tokenizer, title="Training of the tokenizer")] if tokenizer else views


def _training_view(training: Training, *, title: str) -> TrainingView:
    learned, operation = training_charts(training.log)
    return TrainingView(
        title=title,
        name=training.name,
        facts=training_facts(training),
        modules=tables.modules(training.summary["parameters"]),
        parameters=training.summary["parameters"],
        parameter_table=training.summary.get("parameter_table", []),
        config=formats.flatten(training.config),
        learned=learned,
        operation=operation,
        notes=log_notes(training.log),
    )


def _metrics_used(views: Sequence[SplitView]) -> list[Any]:
    used = {column.name for view in views for column in view.table.columns}
    return [kind for name, kind in METRICS.items() if name in used]
