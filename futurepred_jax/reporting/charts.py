"""The report's charts: quantities logged in training, scores over the horizon, calibration."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup

from futurepred_jax.reporting import formats
from futurepred_jax.reporting.curves import LEFT, RIGHT, WIDTH, Axes, Line, Value, draw, fit
from futurepred_jax.reporting.formats import Number
from futurepred_jax.reporting.models import ScoredPredictor
from futurepred_jax.reporting.vocabulary import Metric, metric
from futurepred_jax.reporting.workdir import Log

POINTS = 200  # more records than this are drawn as means of equal bins with a band from least to largest
OPERATION = ("per_second", "mfu", "learning_rate", "norm", "seconds", "goodput", "input_wait", "memory", "skipped")
SPLITS = {"train": "Train", "val": "Validation"}
FAR = (
    "true_parameters",
    "black_frame",
    "mean_frame",
    "context_mean",
)  # may lie so far off that they would flatten the rest


@dataclasses.dataclass(frozen=True)
class Chart:
    """A drawn chart; ``readout`` is what the page's script needs to tell values under the pointer."""

    title: str
    svg: Markup
    lines: list[Line]
    readout: dict[str, Any]
    notes: list[str]
    metric: Metric


def training_charts(log: Log) -> tuple[list[Chart], list[Chart]]:
    """Charts of what is learned, the loss first, and charts of how it was run (rates, norms, throughput)."""
    names = sorted(log.names(), key=lambda name: name != "loss")
    charts = {name: chart for name in names if (chart := _training_chart(log, name))}
    operation = {name for name in charts if any(word in name for word in OPERATION)}
    return (
        [chart for name, chart in charts.items() if name not in operation],
        [chart for name, chart in charts.items() if name in operation],
    )


def horizon_charts(predictors: Sequence[ScoredPredictor]) -> list[Chart]:
    """One chart a metric: every predictor's score in each future frame, the models on top."""
    names = list(dict.fromkeys(name for one in predictors for name in one.curves))
    backwards = list(reversed(predictors))
    ordered = [one for models in (False, True) for one in backwards if (one.role == "model") == models]
    return [chart for name in names if (chart := _horizon_chart(name, ordered))]


def calibration_chart(models: Mapping[str, Mapping[str, Any]]) -> Chart | None:
    """How often the likeliest code is right, by the probability that a model gives it.

    Args:
        models: By CSS class, a "label" and what an evaluation has of its "calibration".
    """
    if not models:
        return None
    lines = [Line("Perfectly calibrated", "is-true-parameters", [0, 1], [0, 1])]
    notes = []
    for style, found in models.items():
        known = [(x, y) for x, y in zip(found["confidence"], found["accuracy"], strict=True) if None not in (x, y)]
        lines.append(Line(found["label"], style, *zip(*known, strict=True)))
        notes.append(f"{found['label']}: expected calibration error {formats.number(found['error'], 4)}")
    kind = metric("accuracy of the likeliest digit")
    return _chart(kind, "Calibration of a token's digits", lines, Axes(0, 1, 0, 1), x_label="confidence", notes=notes)


def thin(x: Sequence[Number], y: Sequence[Value], points: int = POINTS) -> Line:
    """A curve of at most ``points`` points: means over bins of equal size, with a band from least to largest."""
    if len(x) <= points:
        return Line("", "", x, y)
    bins = np.array_split(np.arange(len(x)), points)
    kept = [[value for place in places if (value := y[place]) is not None] for places in bins]
    return Line(
        "",
        "",
        x=[float(np.mean([x[place] for place in places])) for places in bins],
        y=[float(np.mean(values)) if values else None for values in kept],
        low=[min(values, default=None) for values in kept],
        high=[max(values, default=None) for values in kept],
    )


def _training_chart(log: Log, name: str) -> Chart | None:
    series = {split: log.series(split, name) for split in SPLITS}
    present = {split: (x, y) for split, (x, y) in series.items() if any(value is not None for value in y)}
    if not present:
        return None
    lines = [
        dataclasses.replace(thin(x, y), label=SPLITS[split], style=f"is-{split}") for split, (x, y) in present.items()
    ]
    gaps = sum(value is None for _, y in series.values() for value in y)
    notes = [f"{SPLITS[split]}: {formats.significant(_last(y))} at step {x[-1]:,}" for split, (x, y) in present.items()]
    notes += [_lowest(*present["val"])] if name == "loss" and "val" in present else []
    notes += [f"{gaps} values are not finite and left out"] if gaps else []
    return _chart(metric(name), metric(name).label, lines, fit(lines), x_label="step", notes=notes)


def _lowest(steps: Sequence[int], values: Sequence[Value]) -> str:
    value, step = min((value, step) for step, value in zip(steps, values, strict=True) if value is not None)
    return f"lowest {formats.significant(value)} at step {step:,}"


def _last(values: Sequence[Value]) -> Value:
    return next(value for value in reversed(values) if value is not None)


def _horizon_chart(name: str, ordered: Sequence[ScoredPredictor]) -> Chart | None:
    known = {one.name: one for one in ordered if any(value is not None for value in one.curves.get(name, ()))}
    lines = {
        who: Line(one.label, one.style, range(1, len(one.curves[name]) + 1), one.curves[name])
        for who, one in known.items()
    }
    if not lines:
        return None
    near = [line for who, line in lines.items() if who not in FAR] or list(lines.values())
    axes = _widened(fit(near, log=False), list(lines.values()))
    outside = [line for line in lines.values() if not any(axes.shows(value) for value in line.y)]
    kind = metric(name)
    ends = [
        f"{one.label} {_ends(one.curves[name], kind)}"
        for one in known.values()
        if one.role == "model" or one.name == "copy_last"
    ]
    notes = ends[::-1] + [
        f"{line.label} lies outside, at {formats.score(_last(line.y), kind, unit=True)}" for line in outside
    ]
    return _chart(kind, formats.named(kind), list(lines.values()), axes, x_label="future frame", notes=notes)


def _ends(values: Sequence[Value], kind: Metric) -> str:
    return " → ".join(formats.score(value, kind) for value in (values[0], values[-1]))


def _widened(axes: Axes, lines: Sequence[Line]) -> Axes:
    """Make room for lines that would not cost the others more than half of their height."""
    every = fit(lines, log=False)
    return every if every.top - every.bottom <= 2 * (axes.top - axes.bottom) else axes


def _chart(kind: Metric, title: str, lines: list[Line], axes: Axes, *, x_label: str, notes: list[str]) -> Chart:
    readout = {
        "from": axes.left,
        "to": axes.right,
        "left": LEFT,
        "right": WIDTH - RIGHT,
        "x": x_label,
        "digits": kind.digits if kind.sign else None,
        "lines": [
            {"label": line.label, "style": line.style, "x": _rounded(line.x), "y": _rounded(line.y)}
            for line in reversed(lines)
        ],
    }
    return Chart(title, draw(lines, axes, x_label=x_label, title=title), lines, readout, notes, kind)


def _rounded(values: Sequence[Value]) -> list[Value]:
    return [None if value is None else float(f"{value:.6g}") for value in values]
