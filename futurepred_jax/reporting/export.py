"""Writes what a training logged as CSV: ``python -m futurepred_jax.reporting.export WORKDIR > curves.csv``."""

import csv
import io
import sys

from etils import epath

from futurepred_jax.reporting.formats import Number
from futurepred_jax.reporting.workdir import Log, read_training

ROWS = 200  # most rows of the file; the first and the last step of each split are always among them


def curves_csv(log: Log, rows: int = ROWS) -> str:
    """Returns a line for each logged step: its split, its number and all logged quantities, empty where unknown.

    Args:
        log: The log of a training. Of a step that was logged twice, the later record counts.
        rows: Largest number of lines. They are spread evenly over the steps, at least two for each split.
    """
    names, splits = log.names(), list(dict.fromkeys(str(record["split"]) for record in log.records))
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["split", "step", *names])
    total = sum(len(_steps(log, split)) for split in splits)
    for split in splits:
        steps, curves = _steps(log, split), [dict(zip(*log.series(split, name), strict=True)) for name in names]
        for step in _thinned(steps, max(2, rows * len(steps) // total)):
            table.writerow([split, step, *(_shown(curve.get(step)) for curve in curves)])
    return text.getvalue()


def _steps(log: Log, split: str) -> list[int]:
    return sorted({record["step"] for record in log.records if record["split"] == split})


def _thinned(steps: list[int], count: int) -> list[int]:
    """Returns at most ``count`` of the steps, evenly spread, with the first and the last."""
    if len(steps) <= count:
        return steps
    return [steps[place * (len(steps) - 1) // (count - 1)] for place in range(count)]


def _shown(value: Number | None) -> str:
    return "" if value is None else f"{value:.6g}"


def main() -> None:
    """Prints the curves of a workdir."""
    if len(sys.argv) != 2:
        sys.exit("usage: python -m futurepred_jax.reporting.export WORKDIR")
    try:
        print(curves_csv(read_training(epath.Path(sys.argv[1])).log), end="")
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
