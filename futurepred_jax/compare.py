"""Compares several finished workdirs on one page: which model is better on what, by how much, and how certainly."""

import dataclasses
import os
from collections.abc import Sequence

from etils import epath
from ml_collections import ConfigDict

from futurepred_jax.reporting.files import write_bytes
from futurepred_jax.reporting.leads import compare_models, comparison_sentence
from futurepred_jax.reporting.models import Model, group, require_comparable
from futurepred_jax.reporting.page import render
from futurepred_jax.reporting.workdir import Run, read_run

PAGE = "index.html"


def read_models(workdirs: Sequence[epath.PathLike]) -> tuple[list[Model], list[str]]:
    """Reads the models of finished workdirs. Runs that differ in their seed only are one model.

    Returns:
        The models, and the splits that all of them were scored on.

    Raises:
        FileNotFoundError: If a workdir is not finished; the message names the mode to run.
        ValueError: If there are fewer than two workdirs, or they were not scored by one protocol on the same clips; the
            message says what differs.
    """
    paths = [epath.Path(workdir) for workdir in workdirs]
    if len(paths) < 2 or len(set(paths)) < len(paths):
        raise ValueError(f"--workdirs={','.join(map(str, paths))}: name two or more, each once, with commas between")
    runs = [read_run(path) for path in paths]
    if len({run.training.name for run in runs}) < len(runs):
        runs = [_renamed(run, name) for run, name in zip(runs, _told_apart(paths), strict=True)]
    splits = require_comparable(runs)
    return group(runs), splits


def write_comparison(models: Sequence[Model], splits: Sequence[str], folder: epath.PathLike) -> epath.Path:
    """Writes ``index.html`` into a folder and returns its path; all models are compared with the first."""
    title = " · ".join(model.label for model in models)
    page = render(title, models, splits, remarks=_remarks(models, splits))
    path = epath.Path(folder) / PAGE
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, page.encode())
    return path


def closing_words(models: Sequence[Model], splits: Sequence[str]) -> str:
    """Says for every split on which metrics each model is better or worse than the first, as text."""
    parts = []
    for name in splits:
        sentences = [comparison_sentence(comparison) for comparison in compare_models(models, name)]
        parts.append(name + "\n" + "\n".join(f"  {sentence}" for sentence in sentences))
    return "\n\n".join(parts)


def run(config: ConfigDict, workdir: epath.PathLike) -> None:
    """Writes a page that compares the finished workdirs that --workdirs names."""
    workdirs = [os.path.expanduser(name.strip()) for name in config.compare.workdirs.split(",") if name.strip()]
    models, splits = read_models(workdirs)
    path = write_comparison(models, splits, workdir)
    print(f"{closing_words(models, splits)}\n\nwrote {path}")


def _remarks(models: Sequence[Model], splits: Sequence[str]) -> list[str]:
    """Returns notes about what is left out."""
    runs = [run for model in models for run in model.runs]
    others = sorted({name for run in runs for name in run.evaluation["splits"]} - {*splits})
    found = [f"Not scored for all, and left out: {', '.join(others)}."] if others else []
    return found + ([] if all(run.clips for run in runs) else ["Without evaluation_clips.json nothing is paired."])


def _told_apart(paths: Sequence[epath.Path]) -> list[str]:
    """Returns the shortest ends of the paths that tell them apart."""
    for parts in range(2, max(len(path.parts) for path in paths)):
        ends = ["/".join(path.parts[-parts:]) for path in paths]
        if len(set(ends)) == len(ends):
            return ends
    return [str(path) for path in paths]


def _renamed(run: Run, name: str) -> Run:
    return dataclasses.replace(run, training=dataclasses.replace(run.training, name=name))
