"""How numbers read: one place for signs, digits, units and thousands."""

import datetime
import math
from collections.abc import Mapping
from typing import Any

from futurepred_jax.reporting.vocabulary import Metric

Number = int | float  # JSON writes 1.0 and 1 for the same thing

MINUS = "−"
NOTHING = "–"


def number(value: Number | None, digits: int = 2) -> str:
    """Fixed digits with thousands separated and a true minus; a dash for what has no value."""
    if value is None or not math.isfinite(value):
        return NOTHING
    return f"{value:,.{digits}f}".replace("-", MINUS)


def score(value: Number | None, metric: Metric, *, unit: bool = False) -> str:
    """A metric's value in its own digits, with its unit if asked."""
    text = number(value, metric.digits)
    return f"{text} {metric.unit}".strip() if unit and text != NOTHING else text


def difference(value: Number, metric: Metric, *, unit: bool = True) -> str:
    """A signed difference in the metric's own digits, such as "+1.20 dB"."""
    text = f"{value:+,.{metric.digits}f}".replace("-", MINUS)
    return f"{text} {metric.unit}".strip() if unit else text


def interval(low: Number | None, high: Number | None, metric: Metric, *, signed: bool = False) -> str:
    """The ends of a score, or (``signed``) of a difference, in the metric's own digits; empty where not known."""
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return ""
    ends = (difference(end, metric, unit=False) if signed else number(end, metric.digits) for end in (low, high))
    return f"[{', '.join(ends)}]"


def named(metric: Metric) -> str:
    """A metric as a chart's title: "PSNR, dB · higher is better"."""
    arrow = {1: " · higher is better", -1: " · lower is better", 0: ""}[metric.sign]
    return f"{metric.label}{', ' + metric.unit if metric.unit else ''}{arrow}"


def short(value: Number) -> str:
    """A tick of an axis: as few digits as it takes."""
    if abs(value) >= 10_000:
        return f"{value / 1000:g}k"
    return f"{value:.4g}".replace("-", MINUS)


def count(value: Number) -> str:
    """A whole number with thousands separated."""
    return f"{round(value):,}"


def significant(value: Number | None) -> str:
    """Four significant digits, for quantities whose size nobody knows beforehand."""
    if value is None or not math.isfinite(value):
        return NOTHING
    return f"{value:,.4g}".replace("-", MINUS)


def duration(seconds: Number) -> str:
    """Seconds as people say them: "42 s", "12 min 30 s", "3 h 05 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def moment(unix: Number) -> str:
    """A time in UTC."""
    return datetime.datetime.fromtimestamp(unix, datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")


def percent(share: Number | None) -> str:
    """A share of 1 in whole percent, with a digit below ten."""
    if share is None or not math.isfinite(share):
        return NOTHING
    return f"{100 * share:.0f} %" if share >= 0.0995 else f"{100 * share:.1f} %"


def listing(words: list[str]) -> str:
    """Words in a row: "a", "a and b", "a, b and c"."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def flatten(tree: Any, path: str = "") -> dict[str, str]:
    """A nested config as dotted names and short texts, in order."""
    if not isinstance(tree, Mapping):
        return {path: str(tree)}
    return {
        name: text
        for key, branch in tree.items()
        for name, text in flatten(branch, f"{path}.{key}" if path else str(key)).items()
    }


def plain(value: Any) -> str:
    """A field of the protocol in a line: "temperature 0, top_k 0"."""
    pairs = flatten(value) if isinstance(value, Mapping) else {"": str(value)}
    return ", ".join(f"{name} {text}".strip() for name, text in pairs.items())
