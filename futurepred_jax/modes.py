"""The modes of the command line. Each reads what earlier modes left in the workdir, and can be repeated."""

import time
import typing
from collections.abc import Callable

from etils import epath
from ml_collections import ConfigDict

from futurepred_jax import (
    compare,
    compile_ahead,
    evaluate,
    factory,
    predict,
    predict_files,
    replay,
    report,
    tokenize_clips,
    train,
)
from futurepred_jax.train import STAGES
from futurepred_jax.training import checkpoints, distributed
from futurepred_jax.training.program import make_program

Run = Callable[[ConfigDict, epath.PathLike], None]
"""What a mode does with a config and a workdir."""


class Mode(typing.NamedTuple):
    """A mode of the command line: what it does, and a sentence about it for --help and the documentation."""

    run: Run
    help: str


class Stage(typing.NamedTuple):
    """A mode that follows the training, and whether what it wrote into a workdir before need not be written again."""

    run: Run
    is_current: Callable[[ConfigDict, epath.Path], bool]


def run_all(config: ConfigDict, workdir: epath.PathLike) -> None:
    """Trains, evaluates, predicts and reports, leaving out what is already done by the same model and rules."""
    began, workdir = time.time(), epath.Path(workdir)
    if "evaluate" in _stages(config):
        evaluate.require_valid(config)  # mistakes are told before the training, not after it
    train_model(config, workdir)  # a finished training returns at once

    def rest() -> None:
        stages = _stages(config)
        done = [mode for mode in stages if _unless_current(mode, config, workdir)]
        scores = f"{evaluate.closing_words(workdir)}\n\n" if "evaluate" in done else ""  # else they were just printed
        where = workdir / STAGES[stages[-1]] if stages else workdir
        print(f"\n{scores}Look at {where} ({_minutes(began)}).")

    distributed.on_process_zero("rest", rest)


def _unless_current(mode: str, config: ConfigDict, workdir: epath.Path) -> bool:
    """Runs a mode unless what it wrote before is current; tells whether it was."""
    stage = AFTER_TRAINING[mode]
    current = stage.is_current(config, workdir)
    if not current:
        stage.run(config, workdir)
    return current


def train_model(config: ConfigDict, workdir: epath.PathLike) -> None:
    """Trains a model, and before it the models that it is built from where they are missing.

    A predictor is built from a tokenizer and, depending on its config, from motion pathways and an outlook model.
    """
    factory.require_held_out(config)
    motion = factory.pretrained_workdirs(config, workdir)
    if factory.is_predictor(config) and not (epath.Path(workdir) / checkpoints.FOLDER).exists():
        make_program(factory.abstract_job(config))  # reports mistakes in the last model before the first is trained
    for name, place in motion.items():
        _prepare(factory.pathway_configs(config)[name], place)
    if factory.is_predictor(config):
        _prepare(factory.tokenizer_config(config), factory.tokenizer_workdir(config, workdir))
    if factory.has_outlook(config):
        factory.require_gate(config, workdir)  # before more is trained on its tokens
        _prepare(factory.outlook_config(config), factory.outlook_workdir(config, workdir))
    train.run(config, workdir)


def write_report(config: ConfigDict, workdir: epath.PathLike) -> None:
    """Writes ``report/index.html``, a page about everything in the workdir."""
    tokenizer = factory.tokenizer_workdir(config, workdir) if factory.is_predictor(config) else None
    print(f"wrote {report.write_report(workdir, tokenizer)}")


def _report_is_current(config: ConfigDict, workdir: epath.Path) -> bool:
    """Tells whether the report is as new as what it shows."""
    del config
    shown = [workdir / STAGES["evaluate"], workdir / predict.FOLDER / predict.ORIGIN]
    path = workdir / STAGES["report"]
    return path.exists() and all(file.stat().mtime <= path.stat().mtime for file in shown if file.exists())


def predict_futures(config: ConfigDict, workdir: epath.PathLike) -> None:
    """Predicts the futures of held-out clips or, with --input or --pretrained, of the user's own videos."""
    of_own_videos = config.predictions.input or config.predictions.pretrained
    predict_mode = predict_files.run if of_own_videos else predict.run
    predict_mode(config, workdir)


def _stages(config: ConfigDict) -> list[str]:
    """Returns the modes that --mode=run goes through after the training of a config."""
    left_out = {"tokenizer": ("predict",), "classifier": ("predict", "report"), "outlook": tuple(STAGES)}
    return [mode for mode in STAGES if mode not in left_out.get(config.kind, ())]


def _require_stage(name: str, config: ConfigDict) -> None:
    """Raises a ValueError if a mode cannot be applied to the kind of model that a config trains."""
    if name in STAGES and name not in (stages := _stages(config)):
        known = ", ".join(("run", "train", *stages))
        raise ValueError(f"{config.name} has no --mode={name}, but {known}; take a config of a predictor")


def _prepare(config: ConfigDict, workdir: epath.Path) -> None:
    train.run(config, workdir)

    def rest() -> None:
        if "evaluate" in _stages(config):
            _unless_current("evaluate", config, workdir)

    distributed.on_process_zero(config.name, rest)


def _minutes(began: float) -> str:
    return f"{(time.time() - began) / 60:.1f} minutes"


AFTER_TRAINING: dict[str, Stage] = {
    "evaluate": Stage(evaluate.run, evaluate.is_current),
    "predict": Stage(predict.run, predict.is_current),
    "report": Stage(write_report, _report_is_current),
}
"""What --mode=run does after the training, on process 0 alone."""


def _on_process_zero(name: str, mode: Run) -> Run:
    def run(config: ConfigDict, workdir: epath.PathLike) -> None:
        _require_stage(name, config)
        distributed.on_process_zero(name, lambda: mode(config, workdir))

    return run


MODES: dict[str, Mode] = {
    "run": Mode(run_all, "Trains, evaluates, predicts and reports, leaving out what is already done."),
    "train": Mode(
        train_model, "Trains the model, and before it the tokenizer, outlook and pathways that it needs if missing."
    ),
    "tokenize": Mode(
        tokenize_clips.run, "Writes a dataset's tokens, of --splits or of those that training reads, into tokens/."
    ),
    "replay": Mode(replay.run, "Recomputes the batch, the keys and the loss of one training step, --step=N."),
    "compile": Mode(
        compile_ahead.run, "Compiles training and inference for an absent --topology and writes compile.json."
    ),
    "evaluate": Mode(
        _on_process_zero("evaluate", evaluate.run),
        "Scores held-out clips, next to floors and ceilings, and writes evaluation.json.",
    ),
    "predict": Mode(
        _on_process_zero("predict", predict_futures),
        "Predicts held-out clips into predictions/, or with --input your own videos into videos/.",
    ),
    "report": Mode(_on_process_zero("report", write_report), "Writes everything on one page, report/index.html."),
    "compare": Mode(
        _on_process_zero("compare", compare.run),
        "Compares the finished workdirs of --workdirs on one page, index.html.",
    ),
}
"""All modes by their names."""
