"""Curves as inline SVG: the page's own fonts and colours, light and dark, sharp at every size, a few kilobytes each."""

import dataclasses
import math
from collections.abc import Sequence

from markupsafe import Markup, escape

from futurepred_jax.reporting import formats
from futurepred_jax.reporting.formats import Number

WIDTH, HEIGHT = 360, 220  # units of the viewBox, about a pixel each where three charts stand in a row
LEFT, RIGHT, TOP, BOTTOM = 48, 10, 10, 36
LOG_FROM = 30.0  # a positive quantity whose largest value is this many times its least is drawn on a log scale

Value = Number | None


@dataclasses.dataclass(frozen=True)
class Line:
    """A curve; ``style`` names its CSS class, None values are gaps, ``low`` and ``high`` bound a band behind it."""

    label: str
    style: str
    x: Sequence[Number]
    y: Sequence[Value]
    low: Sequence[Value] | None = None
    high: Sequence[Value] | None = None


@dataclasses.dataclass(frozen=True)
class Axes:
    """The rectangle of data that a chart shows."""

    left: Number
    right: Number
    bottom: Number
    top: Number
    log: bool = False

    def across(self, x: Number) -> float:
        """Place of ``x`` in the viewBox."""
        return LEFT + (WIDTH - LEFT - RIGHT) * (x - self.left) / ((self.right - self.left) or 1)

    def up(self, y: Number) -> float:
        """Place of ``y`` in the viewBox."""
        low, high, y = (math.log10(v) if self.log else v for v in (self.bottom, self.top, y))
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (y - low) / ((high - low) or 1)

    def shows(self, y: Value) -> bool:
        """Whether a value lies inside."""
        return y is not None and self.bottom <= y <= self.top


def fit(lines: Sequence[Line], *, log: bool | None = None) -> Axes:
    """Axes that hold all of the lines, with a little air; a wide positive range turns logarithmic unless told."""
    x = [value for line in lines for value in line.x]
    y = [
        value
        for line in lines
        for series in (line.y, line.low, line.high)
        for value in series or ()
        if value is not None
    ]
    low, high = (min(y), max(y)) if y else (0.0, 1.0)
    log = low > 0 and high / low >= LOG_FROM if log is None else log
    if log:
        return Axes(min(x), max(x), low / 1.1, high * 1.1, log=True)
    air = 0.06 * (high - low) or 0.05 * abs(high) or 1.0
    return Axes(min(x), max(x), low - air, high + air)


def draw(lines: Sequence[Line], axes: Axes, *, x_label: str, title: str) -> Markup:
    """The chart as an ``<svg>`` element; what leaves the axes is clipped by leaving a gap.

    Args:
        lines: drawn in order, the last on top.
        axes: from ``fit``.
        x_label: what runs along the horizontal axis.
        title: spoken by screen readers.
    """
    parts = [*_grid(axes), *(shape for line in lines for shape in _line(line, axes))]
    label = f'<text class="axis-label" x="{WIDTH - RIGHT}" y="{HEIGHT - 4}" text-anchor="end">{escape(x_label)}</text>'
    return Markup(
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">{"".join(parts)}{label}'
        f'<line class="rule" y1="{TOP}" y2="{HEIGHT - BOTTOM}" visibility="hidden"/></svg>'
    )


def ticks(low: Number, high: Number, count: int = 5) -> list[Number]:
    """Round numbers between two bounds, about ``count`` of them: steps of 1, 2 or 5 times a power of ten."""
    if high <= low:
        return [low]
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    return [step * place for place in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def log_ticks(low: Number, high: Number) -> list[Number]:
    """Powers of ten between two positive bounds, with twos and fives where there are fewer than three."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in ((1,), (1, 2, 5)):
        found = [factor * 10.0**decade for decade in decades for factor in factors]
        found = [value for value in found if low <= value <= high]
        if len(found) >= 3:
            break
    return found


def _grid(axes: Axes) -> list[str]:
    rows = log_ticks(axes.bottom, axes.top) if axes.log else ticks(axes.bottom, axes.top)
    shapes = []
    for value in rows:
        y = axes.up(value)
        shapes.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        shapes.append(
            f'<text class="tick" x="{LEFT - 7}" y="{y + 3.5:.1f}" text-anchor="end">{formats.short(value)}</text>'
        )
    for value in _columns(axes):
        x, y = axes.across(value), HEIGHT - BOTTOM + 15
        shapes.append(f'<text class="tick" x="{x:.1f}" y="{y}" text-anchor="middle">{formats.short(value)}</text>')
    return shapes


def _columns(axes: Axes) -> list[Number]:
    """Ticks along the horizontal axis: whole numbers only, unless it is a share."""
    return [value for value in ticks(axes.left, axes.right, 5) if value == round(value) or axes.right <= 1]


def _line(line: Line, axes: Axes) -> list[str]:
    shapes = [_band(line, axes)] if line.low and line.high else []
    for run in _runs(line, axes):
        points = " ".join(f"{axes.across(x):.1f},{axes.up(y):.1f}" for x, y in run)
        shapes.append(f'<polyline class="line {line.style}" points="{points}"/>')
        if len(run) == 1:
            x, y = run[0]
            shapes.append(f'<circle class="dot {line.style}" cx="{axes.across(x):.1f}" cy="{axes.up(y):.1f}" r="2.5"/>')
    return shapes


def _runs(line: Line, axes: Axes) -> list[list[tuple[Number, Number]]]:
    """Stretches of the line without gaps."""
    runs: list[list[tuple[Number, Number]]] = [[]]
    for x, y in zip(line.x, line.y, strict=True):
        if y is not None and axes.shows(y):
            runs[-1].append((x, y))
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _band(line: Line, axes: Axes) -> str:
    bounds = zip(line.x, line.low or (), line.high or (), strict=True)
    known = [(x, low, high) for x, low, high in bounds if low is not None and high is not None]
    outline = [(x, high) for x, _, high in known] + [(x, low) for x, low, _ in reversed(known)]
    points = " ".join(f"{axes.across(x):.1f},{axes.up(y):.1f}" for x, y in outline)
    return f'<polygon class="band {line.style}" points="{points}"/>'
