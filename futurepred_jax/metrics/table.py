"""A split's scores as plain text that is Markdown, too: every predictor, then the model against each floor."""

from collections.abc import Mapping, Sequence
from typing import Any

SUBJECTS = ("model", "tokenizer_reconstruction")  # who is compared with the floors: the first that was scored
CEILINGS = ("tokenizer_reconstruction", "true_parameters")
COLUMNS = (
    ("psnr", "PSNR dB", 2),
    ("ssim", "SSIM", 3),
    ("foreground_psnr", "foreground dB", 2),
    ("ade", "ADE px", 2),
    ("fde", "FDE px", 2),
    ("recall", "recall", 3),
    ("token_accuracy", "token accuracy", 3),
    ("bits_per_token", "bits/token", 2),
)
MARGINS = (
    ("psnr", "PSNR dB", 2),
    ("ssim", "SSIM", 3),
    ("foreground_psnr", "foreground dB", 2),
    ("ade", "ADE px", 2),
    ("bits_per_token", "bits/token", 3),
)
LOWER = ("ade", "bits_per_token")  # is better


def score_table(split: str, summary: Mapping[str, Any]) -> str:
    """Lays out one split of ``evaluation.json``.

    The subject (the model, or the tokenizer where none was scored) stands first, then the other ceilings, then the
    floors from the best PSNR down.
    """
    scores = summary["scores"]
    header = ["predictor", *[label for _, label, _ in COLUMNS]]
    rows = [[_label(name), *[_number(scores[name].get(key), n) for key, _, n in COLUMNS]] for name in order(scores)]
    title = (
        f"{split}: {summary['clips']} clips, {summary['context_frames']} context -> {summary['future_frames']} future "
        f"frames, {summary['sampling']}, sha256 {summary['sha256'][:12]}"
    )
    parts = [title, _grid(header, rows), _margins(summary["margins"], scores), _closing(summary)]
    return "\n\n".join(part for part in parts if part)


def order(scores: Mapping[str, Any]) -> list[str]:
    """Subject, ceilings, floors by falling PSNR."""
    first = [name for name in (*SUBJECTS[:1], *CEILINGS) if name in scores]
    floors = [name for name in scores if name not in first]
    return first + sorted(floors, key=lambda name: -(scores[name]["psnr"] or 0))


def subject(scores: Mapping[str, Any]) -> str:
    """Who is held against the floors."""
    return next(name for name in SUBJECTS if name in scores)


def _margins(margins: Mapping[str, Any], scores: Mapping[str, Any]) -> str:
    """The subject's lead over each floor with its 95 % interval: positive where the subject is better."""
    columns = [column for column in MARGINS if any(column[0] in margin for margin in margins.values())]
    header = [f"{_label(subject(scores))} ahead of", *[label for _, label, _ in columns], "skill"]
    rows = [
        [
            _label(name),
            *[_lead(margins[name], key, digits) for key, _, digits in columns],
            _share(margins[name]["skill"]),
        ]
        for name in order(scores)
        if name in margins
    ]
    return _grid(header, rows)


def _lead(margin: Mapping[str, Any], key: str, digits: int) -> str:
    sign = -1 if key in LOWER else 1
    interval = margin.get(key)
    if interval is None or interval["mean"] is None:
        return "-"
    ends = sorted(sign * interval[end] for end in ("low", "high"))
    return f"{sign * interval['mean']:+.{digits}f} [{ends[0]:+.{digits}f}, {ends[1]:+.{digits}f}]"


def _closing(summary: Mapping[str, Any]) -> str:
    tracker, codebook, gates = summary["tracker"], summary["codebook"], summary.get("gates", {})
    opened = f" Gates: {', '.join(f'{value:+.3f}' for value in gates.values())}." if gates else ""
    return (
        f"Tracker on the true frames: ADE {_number(tracker['ade'], 2)} px, recall {_number(tracker['recall'], 3)}. "
        f"Codebook: {_share(codebook['usage'])} of {' + '.join(map(str, codebook['sizes']))} codes used, "
        f"perplexity {_number(codebook['perplexity'], 0)}.{opened}"
    )


def _grid(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Aligned Markdown: names to the left, numbers to the right."""
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]
    rule = ["-" * widths[0], *["-" * (width - 1) + ":" for width in widths[1:]]]
    return "\n".join("| " + " | ".join(_cells(row, widths)) + " |" for row in (header, rule, *rows))


def _cells(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [
        cell.rjust(width) if i else cell.ljust(width) for i, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]


def _label(name: str) -> str:
    return name.replace("_", " ")


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.0f} %"
