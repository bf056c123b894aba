"""The modes of the command line: each reads what earlier ones left in the workdir and can be repeated."""

import functools
import time
from collections.abc import Callable

from etils import epath
from ml_collections import ConfigDict

from futurepred_jax import compile, evaluate, factory, predict, replay, report, train
from futurepred_jax.training import distributed

Mode = Callable[[ConfigDict, epath.PathLike], None]


def run_all(config: ConfigDict, workdir: epath.PathLike) -> None:
    """all that is missing, in order; repeating it resumes, or ends at once"""
    began, workdir = time.time(), epath.Path(workdir)
    train_model(config, workdir)  # a finished training returns at once

    def rest() -> None:
        for mode, done in STAGES.items():
            if not (workdir / done).exists() and (mode != "predict" or config.kind == "predictor"):
                ALONE[mode](config, workdir)
        page = workdir / "report" / "index.html"
        print(f"\n{evaluate.closing_words(workdir)}\n\nLook at {page} ({_minutes(began)}).")

    distributed.by_first("rest", rest)


def train_model(config: ConfigDict, workdir: epath.PathLike) -> None:
    """train; a predictor's tokenizer first, if it is missing"""
    if config.kind == "predictor":
        _prepare_tokenizer(factory.tokenizer_config(config), factory.tokenizer_workdir(config, workdir))
    train.run(config, workdir)


def write_report(config: ConfigDict, workdir: epath.PathLike) -> None:
    """everything on one page: report/index.html"""
    tokenizer = factory.tokenizer_workdir(config, workdir) if config.kind == "predictor" else None
    print(f"wrote {report.write_report(workdir, tokenizer)}")


def _prepare_tokenizer(config: ConfigDict, workdir: epath.Path) -> None:
    train.run(config, workdir)

    def rest() -> None:
        if not (workdir / "evaluation.json").exists():
            evaluate.run(config, workdir)

    distributed.by_first("tokenizer", rest)


def _minutes(began: float) -> str:
    return f"{(time.time() - began) / 60:.1f} minutes"


STAGES = {"evaluate": "evaluation.json", "predict": "predictions/index.json", "report": "report/index.html"}
"""What follows training, each with the file that it writes last."""

ALONE: dict[str, Mode] = {"evaluate": evaluate.run, "predict": predict.run, "report": write_report}
"""What one process does, whatever their number."""


def _by_first(mode: str) -> Mode:
    @functools.wraps(ALONE[mode])
    def run(config: ConfigDict, workdir: epath.PathLike) -> None:
        distributed.by_first(mode, lambda: ALONE[mode](config, workdir))

    return run


MODES: dict[str, Mode] = {
    "run": run_all,
    "train": train_model,
    "replay": replay.run,
    "compile": compile.run,
    **{mode: _by_first(mode) for mode in ALONE},
}
