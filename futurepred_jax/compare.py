"""Makes one page of several finished workdirs: which model is better, on what, by how much, and how sure that is."""

import dataclasses
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
    """The models of finished workdirs, those that differ in their seed alone as one, and the splits that all share.

    Raises:
        FileNotFoundError: a workdir is not finished; the message says which mode to run.
        ValueError: fewer than two, or not scored by one protocol on the same clips; the message says what differs.
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
    """Write ``index.html`` into a folder, and nothing anywhere else; models are held against the first. Its path."""
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
    """finished workdirs side by side, named by --workdirs: index.html"""
    workdirs = [name.strip() for name in config.compare.workdirs.split(",") if name.strip()]
    models, splits = read_models(workdirs)
    path = write_comparison(models, splits, workdir)
    print(f"{closing_words(models, splits)}\n\nwrote {path}")


def _remarks(models: Sequence[Model], splits: Sequence[str]) -> list[str]:
    """What is left out."""
    runs = [run for model in models for run in model.runs]
    others = sorted({name for run in runs for name in run.evaluation["splits"]} - {*splits})
    found = [f"Not scored for all, and left out: {', '.join(others)}."] if others else []
    return found + ([] if all(run.clips for run in runs) else ["Without evaluation_clips.json nothing is paired."])


def _told_apart(paths: Sequence[epath.Path]) -> list[str]:
    """The ends of paths, as long as it takes."""
    for parts in range(2, max(len(path.parts) for path in paths)):
        ends = ["/".join(path.parts[-parts:]) for path in paths]
        if len(set(ends)) == len(ends):
            return ends
    return [str(path) for path in paths]


def _renamed(run: Run, name: str) -> Run:
    return dataclasses.replace(run, training=dataclasses.replace(run.training, name=name))
