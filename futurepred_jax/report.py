"""Makes a self-contained page of a workdir: what was trained, what it beats, what it predicts. Needs no accelerator."""

import dataclasses
from typing import Any

from etils import epath

from futurepred_jax.reporting import formats, tables
from futurepred_jax.reporting.charts import Chart, horizon_charts, training_charts
from futurepred_jax.reporting.comparisons import subject_of
from futurepred_jax.reporting.facts import Facts, log_notes, protocol_facts, rules, training_facts
from futurepred_jax.reporting.files import write_bytes
from futurepred_jax.reporting.pages import environment
from futurepred_jax.reporting.players import Player, make_player
from futurepred_jax.reporting.verdict import Verdict, judge
from futurepred_jax.reporting.vocabulary import METRICS, PREDICTORS
from futurepred_jax.reporting.workdir import Run, Training, read_run, read_training

GROUPS = {
    "random": ("Drawn at random", "Nobody picked these."),
    "best": ("Best cases", "Best by foreground PSNR and ADE, or by PSNR where neither is known."),
    "worst": ("Worst cases", "Where the model fails."),
}


@dataclasses.dataclass(frozen=True)
class SplitView:
    """A split as the page shows it."""

    name: str
    facts: Facts
    verdict: Verdict
    grid: dict[str, dict[str, Any]]
    won: dict[tuple[str, str], str]
    intervals: bool
    table: tables.ScoreTable
    horizon: list[Chart]
    predictors: list[str]


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


def write_report(workdir: epath.PathLike, tokenizer_workdir: epath.PathLike | None = None) -> epath.Path:
    """Write ``report/index.html`` from the files that earlier modes left in a workdir.

    Args:
        workdir: of a predictor (trained, evaluated, predicted) or of a tokenizer (trained, evaluated).
        tokenizer_workdir: where the predictor's tokenizer was trained, to show its training too; one without a
            ``metrics.jsonl`` (a tokenizer that came from elsewhere) is named as such.

    Returns:
        The path of the page.

    Raises:
        FileNotFoundError: a mode has not run yet; the message says which.
        ValueError: a file is damaged; the message says which mode writes it anew.
    """
    workdir = epath.Path(workdir)
    page = render(read_run(workdir), *_tokenizer(tokenizer_workdir))
    path = workdir / "report" / "index.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, page.encode())
    return path


def render(run: Run, tokenizer: Training | None = None, remark: str = "") -> str:
    """The page's HTML; ``remark`` says why a tokenizer's training is not shown."""
    trainings = [_training_view(run.training, title="Training" if tokenizer is None else "Training of the predictor")]
    trainings += [_training_view(tokenizer, title="Training of the tokenizer")] if tokenizer else []
    splits = [_split_view(run, name) for name in run.evaluation["splits"]]
    players = [make_player(prediction) for prediction in run.predictions]
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            name=run.training.name,
            predicts=any(subject_of(split["scores"]) == "model" for split in run.evaluation["splits"].values()),
            splits=splits,
            groups=[(why, *GROUPS[why], found) for why in GROUPS if (found := _because(players, why))],
            trainings=trainings,
            remark=remark,
            rules=rules(run.evaluation["protocol"]),
            metrics=_metrics_used(splits),
            predictors=[PREDICTORS[name] for name in PREDICTORS if any(name in split.predictors for split in splits)],
        )
    )


def _tokenizer(workdir: epath.PathLike | None) -> tuple[Training | None, str]:
    if workdir is None:
        return None, ""
    workdir = epath.Path(workdir)
    if not (workdir / "metrics.jsonl").exists():
        return None, f"The tokenizer of {workdir.name} was not trained there: it has no metrics.jsonl."
    return read_training(workdir), ""


def _split_view(run: Run, name: str) -> SplitView:
    split = run.evaluation["splits"][name]
    verdict = judge(split)
    clips = (run.clips or {}).get(name)
    return SplitView(
        name=name,
        facts=protocol_facts(run.evaluation["protocol"], split),
        verdict=verdict,
        grid=tables.verdict_rows(verdict),
        won={(c.floor, c.metric.name): tables.won_text(clips, split["scores"], c) for c in verdict.comparisons},
        intervals=any(comparison.interval for comparison in verdict.comparisons),
        table=tables.score_table(split["scores"]),
        horizon=horizon_charts(split.get("curves") or {}),
        predictors=[*split["scores"]],
    )


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


def _because(players: list[Player], why: str) -> list[Player]:
    return [player for player in players if player.entry["why"] == why]


def _metrics_used(splits: list[SplitView]) -> list[Any]:
    used = {column.name for split in splits for column in split.table.columns}
    return [kind for name, kind in METRICS.items() if name in used]
