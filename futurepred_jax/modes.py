"""The modes of the command line: each reads what earlier ones left in the workdir and can be repeated."""

import functools
import json
import time
from collections.abc import Callable

from etils import epath
from ml_collections import ConfigDict

from futurepred_jax import compare, compile, evaluate, factory, predict, predict_files, replay, report, tokenize, train
from futurepred_jax.train import STAGES
from futurepred_jax.training import checkpoints, distributed, identity
from futurepred_jax.training.program import make_program

Mode = Callable[[ConfigDict, epath.PathLike], None]


def run_all(config: ConfigDict, workdir: epath.PathLike) -> None:
    """all that is missing, in order; repeating it resumes, or ends at once"""
    began, workdir = time.time(), epath.Path(workdir)
    again = _by_other_rules(config, workdir)
    train_model(config, workdir)  # a finished training returns at once

    def rest() -> None:
        stages = _stages(config)
        missing = [mode for mode in stages if mode in again or not (workdir / STAGES[mode]).exists()]
        for mode in missing:
            ALONE[mode](config, workdir)
        told_before = stages and "evaluate" not in missing
        scores = f"{evaluate.closing_words(workdir)}\n\n" if told_before else ""
        where = workdir / STAGES[stages[-1]] if stages else workdir
        print(f"\n{scores}Look at {where} ({_minutes(began)}).")

    distributed.on_process_zero("rest", rest)


def _by_other_rules(config: ConfigDict, workdir: epath.Path) -> set[str]:
    """The modes to repeat in a workdir, since the sections of the config that they go by are other than before."""
    if not (workdir / identity.CONFIG).exists():
        return set()
    before, now = identity.read_config(workdir), json.loads(json.dumps(config.to_dict()))
    changed = {name for name in ("sampling", "evaluation", "predictions") if before.get(name) != now.get(name)}
    scored_anew = {"evaluate"} if changed - {"predictions"} else set()
    return scored_anew | {"predict", "report"} if changed else set()


def train_model(config: ConfigDict, workdir: epath.PathLike) -> None:
    """train; what a predictor is built from first, if it is missing: tokenizer, outlook, pathways"""
    factory.require_held_out(config)
    motion = factory.pretrained_workdirs(config, workdir)
    if factory.predicts(config) and not (epath.Path(workdir) / checkpoints.FOLDER).exists():
        make_program(factory.outline_job(config))  # a mistake in the last model is told before the first is trained
    for name, place in motion.items():
        _prepare(factory.pathway_configs(config)[name], place)
    if factory.predicts(config):
        _prepare(factory.tokenizer_config(config), factory.tokenizer_workdir(config, workdir))
    if factory.guesses(config):
        factory.require_gate(config, workdir)  # before more is trained on its tokens
        _prepare(factory.outlook_config(config), factory.outlook_workdir(config, workdir))
    train.run(config, workdir)


def write_report(config: ConfigDict, workdir: epath.PathLike) -> None:
    """everything on one page: report/index.html"""
    tokenizer = factory.tokenizer_workdir(config, workdir) if factory.predicts(config) else None
    print(f"wrote {report.write_report(workdir, tokenizer)}")


def predict_futures(config: ConfigDict, workdir: epath.PathLike) -> None:
    """predicted futures, of held-out clips beside the true ones, or with --input of your own videos"""
    (predict_files.run if config.predictions.input or config.predictions.pretrained else predict.run)(config, workdir)


def _stages(config: ConfigDict) -> list[str]:
    """What follows the training of a config."""
    left_out = {"tokenizer": ("predict",), "classifier": ("predict", "report"), "outlook": tuple(STAGES)}
    return [mode for mode in STAGES if mode not in left_out.get(config.kind, ())]


def _require_stage(name: str, config: ConfigDict) -> None:
    """Raises a ValueError for a mode that makes no sense of what a config trains."""
    if name in STAGES and name not in (stages := _stages(config)):
        known = ", ".join(("run", "train", *stages))
        raise ValueError(f"{config.name} has no --mode={name}, but {known}; take a config of a predictor")


def _prepare(config: ConfigDict, workdir: epath.Path) -> None:
    train.run(config, workdir)

    def rest() -> None:
        if "evaluate" in _stages(config) and not (workdir / STAGES["evaluate"]).exists():
            evaluate.run(config, workdir)

    distributed.on_process_zero(config.name, rest)


def _minutes(began: float) -> str:
    return f"{(time.time() - began) / 60:.1f} minutes"


ALONE: dict[str, Mode] = {
    "evaluate": evaluate.run,
    "predict": predict.run,
    "report": write_report,
    "compare": compare.run,
}
"""What one process does, whatever their number."""


def _on_process_zero(name: str, mode: Mode) -> Mode:
    @functools.wraps(mode)
    def run(config: ConfigDict, workdir: epath.PathLike) -> None:
        _require_stage(name, config)
        distributed.on_process_zero(name, lambda: mode(config, workdir))

    return run


MODES: dict[str, Mode] = {
    "run": run_all,
    "train": train_model,
    "tokenize": tokenize.run,
    "replay": replay.run,
    "compile": compile.run,
    **{name: _on_process_zero(name, mode) for name, mode in {**ALONE, "predict": predict_futures}.items()},
}
