"""Line charts as inline SVG, which take fonts and colours from the page's style sheet."""

import dataclasses
import math
from collections.abc import Sequence

from markupsafe import Markup, escape

from futurepred_jax.reporting import formats
from futurepred_jax.reporting.formats import Number

WIDTH, HEIGHT = 360, 220  # units of the viewBox, about a pixel each where three charts stand in a row
LEFT, RIGHT, TOP, BOTTOM = 48, 10, 10, 36
LOG_FROM = 30.0  # least ratio between the largest and smallest positive value of a chart with a logarithmic axis

Value = Number | None


@dataclasses.dataclass(frozen=True)
class Line:
    """A curve of a chart.

    Attributes:
        label: Its label in the legend.
        style: Its CSS class.
        x: Horizontal coordinates.
        y: Vertical coordinates; None leaves a gap.
        low: Lower bounds of the band behind the curve, if there is one.
        high: Upper bounds of the band.
    """

    label: str
    style: str
    x: Sequence[Number]
    y: Sequence[Value]
    low: Sequence[Value] | None = None
    high: Sequence[Value] | None = None


@dataclasses.dataclass(frozen=True)
class Axes:
    """The ranges of the data that a chart shows; ``log`` makes the vertical axis logarithmic."""

    left: Number
    right: Number
    bottom: Number
    top: Number
    log: bool = False

    def across(self, x: Number) -> float:
        """Returns the horizontal coordinate of ``x`` in the SVG's viewBox."""
        return LEFT + (WIDTH - LEFT - RIGHT) * (x - self.left) / ((self.right - self.left) or 1)

    def up(self, y: Number) -> float:
        """Returns the vertical coordinate of ``y`` in the SVG's viewBox."""
        low, high, y = (math.log10(v) if self.log else v for v in (self.bottom, self.top, y))
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (y - low) / ((high - low) or 1)

    def shows(self, y: Value) -> bool:
        """Returns whether a value lies inside the vertical range."""
        return y is not None and self.bottom <= y <= self.top


def fit(lines: Sequence[Line], *, log: bool | None = None) -> Axes:
    """Returns axes that contain all lines, with a margin.

    Args:
        lines: The lines.
        log: Whether the vertical axis is logarithmic; by default the range of the values decides, see ``LOG_FROM``.
    """
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
    """Draws a chart as an ``<svg>`` element. Values outside the axes leave a gap.

    Args:
        lines: The lines in the order in which they are drawn, the last one on top.
        axes: The axes, from ``fit``.
        x_label: Label of the horizontal axis.
        title: Title for screen readers.
    """
    parts = [*_grid(axes), *(shape for line in lines for shape in _line(line, axes))]
    label = f'<text class="axis-label" x="{WIDTH - RIGHT}" y="{HEIGHT - 4}" text-anchor="end">{escape(x_label)}</text>'
    return Markup(
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">{"".join(parts)}{label}'
        f'<line class="rule" y1="{TOP}" y2="{HEIGHT - BOTTOM}" visibility="hidden"/></svg>'
    )


def ticks(low: Number, high: Number, count: int = 5) -> list[Number]:
    """Returns about ``count`` round numbers between two bounds, at steps of 1, 2 or 5 times a power of ten."""
    if high <= low:
        return [low]
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    return [step * place for place in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def log_ticks(low: Number, high: Number) -> list[Number]:
    """Returns the powers of ten between two positive bounds; twos and fives are added if there are fewer than three."""
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
    """Returns the ticks of the horizontal axis: whole numbers only, unless the axis ends at 1 or below."""
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
    """Splits the line into stretches without gaps."""
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
