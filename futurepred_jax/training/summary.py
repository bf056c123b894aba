"""What was trained, counted: the parameter table, and ``summary.json`` at a training's end."""

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


class Row(NamedTuple):
    """One array of the parameters."""

    path: str
    shape: tuple[int, ...]
    count: int


def parameter_table(params: PyTree) -> list[Row]:
    """Every array of the parameters, by path; ``ShapeDtypeStruct`` leaves will do."""
    leaves = jax.tree.leaves_with_path(params)
    return [Row(sharding.path_name(path), tuple(leaf.shape), math.prod(leaf.shape)) for path, leaf in leaves]


def count_modules(table: list[Row]) -> dict[str, int]:
    """Parameters of each top-level module, and their ``total``."""
    counts: Counter[str] = Counter()
    for row in table:
        counts[row.path.split("/")[0]] += row.count
    return {**counts, "total": sum(counts.values())}


def format_table(table: list[Row]) -> str:
    """The table as aligned text, one array a line, then the modules' totals."""
    lines = [(row.path, str(row.shape), f"{row.count:,}") for row in table]
    lines += [(module, "", f"{count:,}") for module, count in count_modules(table).items()]
    widths = [max(len(line[column]) for line in lines) for column in range(3)]
    rows = [f"{path:<{widths[0]}}  {shape:<{widths[1]}}  {count:>{widths[2]}}" for path, shape, count in lines]
    return "\n".join([*rows[: len(table)], "-" * (sum(widths) + 4), *rows[len(table) :]])


def write_summary(workdir: epath.PathLike, job: Job, params: PyTree, progress: Progress, peak: float) -> None:
    """Write ``summary.json``; rates are null for a run too short to measure.

    Args:
        workdir: Where.
        job: What was trained.
        params: Arrays or their shapes.
        progress: At the end of training.
        peak: FLOP/s that MFU is relative to.
    """
    table = parameter_table(params)
    meter = throughput.Meter(steps=progress.measured_steps, seconds=progress.measured_seconds)
    summary = {
        "model": job.model,
        "parameters": count_modules(table),
        "parameter_table": table,
        "steps": progress.step,
        "seconds": progress.seconds,
        "hardware": throughput.hardware(),
        "jax": jax.__version__,
        "throughput": rates(job, meter.steps_per_second, peak),
    }
    atomic.write_text(epath.Path(workdir) / SUMMARY, json.dumps(summary, indent=1))


def rates(job: Job, steps_per_second: float | None, peak: float) -> dict[str, float | None]:
    """Steps, clips and tokens a second, and MFU: the analytic FLOP/s as a share of ``peak``."""
    per_step = {
        "steps_per_second": 1.0,
        "clips_per_second": job.batch_size,
        "tokens_per_second": None if job.tokens_per_clip is None else job.batch_size * job.tokens_per_clip,
        "mfu": job.flops_per_step / peak,
    }
    known = steps_per_second is not None
    return {name: value * steps_per_second if known and value is not None else None for name, value in per_step.items()}
