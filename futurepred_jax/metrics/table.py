"""Tables of scores as plain text that is also Markdown: all predictors, then the model against each floor."""

from collections.abc import Mapping, Sequence
from typing import Any

SUBJECTS = ("model", "tokenizer_reconstruction")  # the first one that was scored is compared with the floors
CEILINGS = ("tokenizer_reconstruction", "true_parameters")
COLUMNS = (
    ("psnr", "PSNR dB", 2),
    ("ssim", "SSIM", 3),
    ("openstl_mse", "OpenSTL MSE", 1),
    ("openstl_mae", "OpenSTL MAE", 1),
    ("openstl_ssim", "OpenSTL SSIM", 3),
    ("openstl_psnr", "OpenSTL PSNR", 2),
    ("foreground_psnr", "foreground dB", 2),
    ("ade", "ADE px", 2),
    ("fde", "FDE px", 2),
    ("recall", "recall", 3),
    ("mask_iou", "mask IoU", 3),
    ("permanence", "permanence", 2),
    ("clutter_recall", "clutter", 2),
    ("lpips_alex", "LPIPS", 3),
    ("kvd", "KVD", 2),
    ("fvd", "FVD", 0),
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
NOTHING = "-"
LOWER = ("ade", "bits_per_token")  # metrics of which lower values are better

OVERVIEW = (
    ("psnr", "PSNR dB", 2),
    ("ssim", "SSIM", 3),
    ("foreground_psnr", "foreground dB", 2),
    ("ade", "ADE px", 2),
    ("recall", "recall", 3),
    ("mask_iou", "mask IoU", 3),
)
REFERENCE_FLOORS = ("copy_last", "constant_velocity")  # floors that the subject is compared with on every split

EFFECTS = (
    ("psnr", "PSNR dB", 2),
    ("ssim", "SSIM", 3),
    ("ade", "ADE px", 2),
    ("recall", "recall", 3),
    ("mask_iou", "mask IoU", 3),
)
"""Scores whose change by clutter is shown. Foreground scores would cover other pixels with clutter than without."""


def score_table(split: str, summary: Mapping[str, Any]) -> str:
    """Returns the tables of one split of ``evaluation.json``.

    The first row is the subject (the model, or the tokenizer if no model was scored), followed by the ceilings and then
    by the floors, the best PSNR first.
    """
    scores = summary["scores"]
    header = ["predictor", *[title for _, title, _ in COLUMNS]]
    rows = [[label(name), *[number(scores[name].get(key), n) for key, _, n in COLUMNS]] for name in order(scores)]
    title = (
        f"{split}{_of(summary)}: {summary['clips']} clips, {summary['context_frames']} context -> "
        f"{summary['future_frames']} future frames, {summary['sampling']}, sha256 {summary['sha256'][:12]}"
    )
    parts = [title, grid(header, rows), _margins(summary["margins"], scores), _closing(summary)]
    return "\n\n".join(part for part in parts if part)


def _of(summary: Mapping[str, Any]) -> str:
    """Returns the source of recorded clips for the title."""
    data = summary.get("data", "clutter")
    return "" if data == "clutter" else f" of {data}"


def overview_table(splits: Mapping[str, Any]) -> str:
    """Returns a table of the subject's scores, leads and skills on every split; empty for a single split."""
    if len(splits) < 2:
        return ""
    leads = [f"{what} {label(floor)}" for floor in REFERENCE_FLOORS for what in ("PSNR over", "skill against")]
    header = ["all splits", *[title for _, title, _ in OVERVIEW], *leads]
    return grid(header, [_overview(name, summary) for name, summary in splits.items()])


def _overview(split: str, summary: Mapping[str, Any]) -> list[str]:
    scores, margins = summary["scores"], summary["margins"]
    own = scores[subject_of(scores)]
    leads = [cell for floor in REFERENCE_FLOORS for cell in _against(margins.get(floor, {}))]
    return [split, *[number(own.get(key), digits) for key, _, digits in OVERVIEW], *leads]


def _against(margin: Mapping[str, Any]) -> tuple[str, str]:
    return _lead(margin, "psnr", 2), share(margin.get("skill"))


def effect_table(effects: Mapping[str, Any]) -> str:
    """Returns a table of the subject's scores with clutter minus those without; empty if there are none."""
    header = ["clutter's effect", *[title for _, title, _ in EFFECTS]]
    rows = [
        [f"{split}, {label(subject_of(found))}", *[_signed(found[subject_of(found)][key], n) for key, _, n in EFFECTS]]
        for split, found in effects.items()
    ]
    return grid(header, rows) if rows else ""


def order(scores: Mapping[str, Any]) -> list[str]:
    """Returns the order of the rows: subject, ceilings, then floors by decreasing PSNR."""
    first = [name for name in (*SUBJECTS[:1], *CEILINGS) if name in scores]
    floors = [name for name in scores if name not in first]
    return first + sorted(floors, key=lambda name: -(scores[name]["psnr"] or 0))


def subject_of(scores: Mapping[str, Any]) -> str:
    """Returns the predictor that an evaluation is about: the model, or else the tokenizer's reconstruction."""
    return "model" if "model" in scores else "tokenizer_reconstruction"


def _margins(margins: Mapping[str, Any], scores: Mapping[str, Any]) -> str:
    """Returns the subject's lead over each floor with its 95 % interval; it is positive if the subject is better."""
    header = [f"{label(subject_of(scores))} ahead of", *[title for _, title, _ in MARGINS], "skill"]
    rows = [
        [
            label(name),
            *[_lead(margins[name], key, digits) for key, _, digits in MARGINS],
            share(margins[name]["skill"]),
        ]
        for name in order(scores)
        if name in margins
    ]
    return grid(header, rows)


def _lead(margin: Mapping[str, Any], key: str, digits: int) -> str:
    interval = margin.get(key)
    return NOTHING if interval is None else _signed(interval, digits, sign=-1 if key in LOWER else 1)


def _signed(interval: Mapping[str, Any], digits: int, sign: int = 1) -> str:
    """Formats a difference and its interval, if that is known."""
    if interval["mean"] is None:
        return NOTHING
    mean = f"{sign * interval['mean']:+.{digits}f}"
    if interval["low"] is None:
        return mean
    low, high = sorted(sign * interval[end] for end in ("low", "high"))
    return f"{mean} [{low:+.{digits}f}, {high:+.{digits}f}]"


def flagged(summary: Mapping[str, Any]) -> str:
    """Says how many clips of a split do not fully meet their specification."""
    return (
        f"{summary['flagged']} of {summary['clips']} clips are flagged: a target that found no place was left out, or "
        "nothing could be hidden that had to be."
    )


def _closing(summary: Mapping[str, Any]) -> str:
    """Returns notes on the scores: the tracker's own error, codebook use, samples and distances of real clips."""
    tracker, model = summary["tracker"], summary["scores"].get("model", {})
    lines = [flagged(summary)] if summary.get("flagged") else []
    if tracker["ade"] is not None:
        lines.append(f"Tracker on the true frames: ADE {tracker['ade']:.2f} px, recall {tracker['recall']:.3f}.")
    if codebook := summary.get("codebook"):
        lines.append(
            f"Codebook: {share(codebook['usage'])} of {' + '.join(map(str, codebook['sizes']))} codes used, "
            f"perplexity {number(codebook['perplexity'], 0)}."
        )
    if gates := summary.get("gates"):
        lines.append(f"Gates: {', '.join(f'{value:+.3f}' for value in gates.values())}.")
    if model.get("pairs_ranked") is not None:
        low, high = summary["intervals"]["model"]["pairs_ranked"]
        ends = "" if low is None else f" [{share(low)}, {share(high)}]"
        lines.append(
            f"Of a possible and an impossible clip the model finds the possible one likelier in "
            f"{share(model['pairs_ranked'])} of the pairs{ends}; chance is 50 %."
        )
    if model.get("energy_score") is not None:
        samples = summary["samples"]
        lines.append(
            f"Of {samples['count']} sampled futures of {samples['clips']} clips the best has ADE "
            f"{number(model['ade_best'], 2)} px, the mean {number(model['ade_mean'], 2)} px; energy score "
            f"{number(model['energy_score'], 2)} px; {share(model['coverage_50'])} of the true places lie in the "
            f"50 % regions, {share(model['coverage_90'])} in the 90 % regions."
        )
    if distance := summary.get("video_distance"):
        real = distance["real_against_real"] or {}
        lines.append(
            f"KVD and FVD over context + future, {distance['frames']} frames, n = {distance['clips']}: real clips "
            f"against real clips have {number(real.get('kvd'), 2)} and {number(real.get('fvd'), 0)}."
        )
    return " ".join(lines)


def grid(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Returns an aligned Markdown table, names to the left and numbers to the right, without columns of no value."""
    kept = [i for i in range(len(header)) if not i or any(row[i] != NOTHING for row in rows)]
    header, rows = [header[i] for i in kept], [[row[i] for i in kept] for row in rows]
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]
    rule = ["-" * widths[0], *["-" * (width - 1) + ":" for width in widths[1:]]]
    return "\n".join("| " + " | ".join(_cells(row, widths)) + " |" for row in (header, rule, *rows))


def _cells(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [
        cell.rjust(width) if i else cell.ljust(width) for i, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]


def label(name: str) -> str:
    """Returns a name as it is shown in tables."""
    return name.replace("_", " ")


def number(value: float | None, digits: int) -> str:
    """Formats a number with fixed digits, or a dash if it is unknown."""
    return NOTHING if value is None else f"{value:.{digits}f}"


def share(value: float | None) -> str:
    """Formats a share of 1 in percent, or a dash if it is unknown."""
    return NOTHING if value is None else f"{100 * value:.0f} %"
