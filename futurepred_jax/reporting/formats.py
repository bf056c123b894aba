"""Formats numbers for people: signs, digits, units and thousands separators."""

import datetime
import math
from collections.abc import Mapping
from typing import Any

from futurepred_jax.reporting.vocabulary import Metric

Number = int | float  # a float that is read from JSON may be an int

MINUS = "−"
NOTHING = "–"


def number(value: Number | None, digits: int = 2) -> str:
    """Formats a number with fixed digits, separated thousands and a minus sign; a dash stands for no value."""
    if value is None or not math.isfinite(value):
        return NOTHING
    return f"{value:,.{digits}f}".replace("-", MINUS)


def score(value: Number | None, metric: Metric, *, unit: bool = False) -> str:
    """Formats a score with the digits of its metric and, on request, its unit."""
    text = number(value, metric.digits)
    return f"{text} {metric.unit}".strip() if unit and text != NOTHING else text


def difference(value: Number, metric: Metric, *, unit: bool = True) -> str:
    """Formats a difference of scores with its sign and the digits of the metric, such as "+1.20 dB"."""
    text = f"{value:+,.{metric.digits}f}".replace("-", MINUS)
    return f"{text} {metric.unit}".strip() if unit else text


def interval(low: Number | None, high: Number | None, metric: Metric, *, signed: bool = False) -> str:
    """Formats the interval of a score, or of a ``signed`` difference; an empty string if an end is unknown."""
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return ""
    ends = (difference(end, metric, unit=False) if signed else number(end, metric.digits) for end in (low, high))
    return f"[{', '.join(ends)}]"


def named(metric: Metric) -> str:
    """Returns a chart's title, such as "PSNR, dB · higher is better"."""
    arrow = {1: " · higher is better", -1: " · lower is better", 0: ""}[metric.sign]
    return f"{metric.label}{', ' + metric.unit if metric.unit else ''}{arrow}"


def short(value: Number) -> str:
    """Formats a tick of an axis with few digits, such as "0.5" or "20k"."""
    if abs(value) >= 10_000:
        return f"{value / 1000:g}k"
    return f"{value:.4g}".replace("-", MINUS)


def count(value: Number) -> str:
    """Formats a whole number with separated thousands."""
    return f"{round(value):,}"


def significant(value: Number | None) -> str:
    """Formats a quantity of unknown magnitude with four significant digits."""
    if value is None or not math.isfinite(value):
        return NOTHING
    return f"{value:,.4g}".replace("-", MINUS)


def duration(seconds: Number) -> str:
    """Formats a duration in seconds, such as "42 s", "12 min 30 s" or "3 h 05 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def moment(unix: Number) -> str:
    """Formats a Unix time in UTC."""
    return datetime.datetime.fromtimestamp(unix, datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")


def percent(share: Number | None) -> str:
    """Formats a share of 1 in percent: whole numbers from 10 % on, one digit below."""
    if share is None or not math.isfinite(share):
        return NOTHING
    return f"{100 * share:.0f} %" if share >= 0.0995 else f"{100 * share:.1f} %"


def listing(words: list[str]) -> str:
    """Joins words as "a", "a and b" or "a, b and c"."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def flatten(tree: Any, path: str = "") -> dict[str, str]:
    """Returns a nested config as texts by dotted names, in order."""
    if not isinstance(tree, Mapping):
        return {path: str(tree)}
    return {
        name: text
        for key, branch in tree.items()
        for name, text in flatten(branch, f"{path}.{key}" if path else str(key)).items()
    }


def plain(value: Any) -> str:
    """Formats a value of the protocol on one line, such as "temperature 0, top_k 0"."""
    pairs = flatten(value) if isinstance(value, Mapping) else {"": str(value)}
    return ", ".join(f"{name} {text}".strip() for name, text in pairs.items())
