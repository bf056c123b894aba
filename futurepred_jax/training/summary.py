"""The parameter table, and ``summary.json`` at the end of a training."""

import json
import math
from collections import Counter
from typing import NamedTuple

import jax
from etils import epath
from jaxtyping import PyTree

from futurepred_jax.training import atomic, sharding, throughput
from futurepred_jax.training.checkpoints import Progress
from futurepred_jax.training.job import Job

SUMMARY = "summary.json"
RATES = ("steps_per_second", "clips_per_second", "tokens_per_second", "mfu")


class Row(NamedTuple):
    """Path, shape and number of elements of an array of the parameters."""

    path: str
    shape: tuple[int, ...]
    count: int


def is_written(workdir: epath.PathLike) -> bool:
    """Tells whether a workdir has a summary, which is written when a training has ended, and it can be read."""
    try:
        return bool(json.loads((epath.Path(workdir) / SUMMARY).read_text()))
    except (OSError, ValueError):
        return False


def parameter_table(params: PyTree) -> list[Row]:
    """Returns a row for each array of the parameters, or of their shapes."""
    leaves = jax.tree.leaves_with_path(params)
    return [Row(sharding.path_name(path), tuple(leaf.shape), math.prod(leaf.shape)) for path, leaf in leaves]


def count_modules(table: list[Row]) -> dict[str, int]:
    """Returns the number of parameters of each top-level module, and the ``total``."""
    counts: Counter[str] = Counter()
    for row in table:
        counts[row.path.split("/")[0]] += row.count
    return {**counts, "total": sum(counts.values())}


def format_table(table: list[Row]) -> str:
    """Returns the table as aligned text, one line for each array, then the totals of the modules."""
    lines = [(row.path, str(row.shape), f"{row.count:,}") for row in table]
    lines += [(module, "", f"{count:,}") for module, count in count_modules(table).items()]
    widths = [max(len(line[column]) for line in lines) for column in range(3)]
    rows = [f"{path:<{widths[0]}}  {shape:<{widths[1]}}  {count:>{widths[2]}}" for path, shape, count in lines]
    return "\n".join([*rows[: len(table)], "-" * (sum(widths) + 4), *rows[len(table) :]])


def write_summary(
    workdir: epath.PathLike, job: Job, params: PyTree, progress: Progress, account: dict[str, float | None]
) -> None:
    """Writes ``summary.json`` and prints what the run took.

    Args:
        workdir: The workdir.
        job: The training.
        params: The parameters or their shapes.
        progress: Progress at the end of training.
        account: Rates and shares over the whole run; None for those that the run was too short to measure.
    """
    table = parameter_table(params)
    summary = {
        "model": job.model,
        "parameters": count_modules(table),
        "parameter_table": table,
        "steps": progress.step,
        "seconds": progress.seconds,
        "hardware": throughput.hardware(),
        "jax": jax.__version__,
        "throughput": {name: account[name] for name in RATES},
        "efficiency": {name: value for name, value in account.items() if name not in RATES},
    }
    atomic.write_text(epath.Path(workdir) / SUMMARY, json.dumps(summary, indent=1))
    print(_closing_words(progress, account))


def _closing_words(progress: Progress, account: dict[str, float | None]) -> str:
    """Returns a line about what a run took and where its time went."""
    words = {
        "steps_per_second": "{:.3g} steps a second",
        "mfu": "MFU {:.1%}",
        "goodput": "{:.1%} of the time in steps",
        "input_wait": "{:.1%} of those waiting for input",
        "compile_seconds": "{:.1f} s compiling",
    }
    known = [text.format(account[name]) for name, text in words.items() if account[name] is not None]
    memory = f"{(account['peak_memory_bytes'] or 0) / 2**30:.2f} GiB at most"
    return f"trained {progress.step:,} steps in {progress.seconds:.0f} s: {', '.join([*known, memory])}"


def rates(job: Job, steps_per_second: float | None, peak: float) -> dict[str, float | None]:
    """Returns the throughput in steps, clips and tokens per second, and MFU.

    Args:
        job: The training.
        steps_per_second: Steps per second; None if the run was too short to measure.
        peak: FLOP/s that MFU is relative to.
    """
    per_step = {
        "steps_per_second": 1.0,
        "clips_per_second": job.batch_size,
        "tokens_per_second": None if job.tokens_per_clip is None else job.batch_size * job.tokens_per_clip,
        "mfu": job.flops_per_step / peak,
    }
    known = steps_per_second is not None
    return {name: value * steps_per_second if known and value is not None else None for name, value in per_step.items()}
