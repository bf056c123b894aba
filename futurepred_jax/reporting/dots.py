"""Dot plots as inline SVG: every row shows one dot with its interval for each predictor."""

import dataclasses
import math
from collections.abc import Callable, Sequence

from markupsafe import Markup, escape

from futurepred_jax.metrics.bootstrap import Interval
from futurepred_jax.reporting import formats
from futurepred_jax.reporting.curves import ticks
from futurepred_jax.reporting.formats import Number
from futurepred_jax.reporting.vocabulary import Metric

WIDTH, RIGHT, TOP, FOOT = 360, 10, 4, 20  # units of the viewBox
NAME = 15  # height of a row's label
STEP = 9  # from one dot of a row to the next


@dataclasses.dataclass(frozen=True)
class Series:
    """A predictor's values, one per row, or None where it has none; ``style`` is its CSS class."""

    label: str
    style: str
    values: Sequence[Interval | None]


@dataclasses.dataclass(frozen=True)
class DotChart:
    """A chart as SVG, with its content as data for a table of its values."""

    title: str
    svg: Markup
    rows: list[str]
    series: list[Series]
    metric: Metric


def dot_chart(metric: Metric, rows: list[str], series: list[Series]) -> DotChart:
    """Draws a chart of every predictor's value in every row, on a common scale."""
    title = formats.named(metric)
    ends = [end for one in series for value in one.values if value for end in value if math.isfinite(end)]
    low, high = min(ends), max(ends)
    air = 0.04 * (high - low) or 0.05 * abs(high) or 1.0
    low, high = low - air, high + air
    height = NAME + STEP * len(series) + 5
    bottom = TOP + height * len(rows)

    def across(value: Number) -> float:
        return 4 + (WIDTH - RIGHT - 4) * (value - low) / (high - low)

    parts = [_tick(value, across(value), bottom) for value in ticks(low, high, 5)]
    for place, row in enumerate(rows):
        top = TOP + place * height
        parts.append(f'<text class="row-name" x="0" y="{top + 11}">{escape(row)}</text>')
        for turn, one in enumerate(series):
            parts.append(_dot(one, place, top + NAME + STEP * (turn + 0.5), across, metric))
    size = f'viewBox="0 0 {WIDTH} {bottom + FOOT}"'
    svg = f'<svg {size} role="img" aria-label="{escape(title)}">{"".join(parts)}</svg>'
    return DotChart(title, Markup(svg), rows, series, metric)


def _dot(one: Series, place: int, y: float, across: Callable[[Number], float], metric: Metric) -> str:
    value = one.values[place]
    if value is None:
        return ""
    mean, low, high = (across(end) for end in value)
    ends = formats.interval(value.low, value.high, metric)
    told = f"{one.label} {formats.score(value.mean, metric, unit=True)} {ends}".rstrip()
    whisker = f'<line class="whisker" x1="{low:.1f}" x2="{high:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>' if ends else ""
    return (
        f'<g class="{one.style}"><title>{escape(told)}</title>{whisker}'
        f'<circle class="dot" cx="{mean:.1f}" cy="{y:.1f}" r="3.4"/></g>'
    )


def _tick(value: Number, x: float, bottom: Number) -> str:
    return (
        f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{bottom}"/>'
        f'<text class="tick" x="{x:.1f}" y="{bottom + 14}" text-anchor="middle">{formats.short(value)}</text>'
    )
