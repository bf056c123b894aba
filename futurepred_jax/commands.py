"""The command line's flags, and the dispatch to a mode."""

import os
import sys
from collections.abc import Sequence

from absl import app, flags
from ml_collections import ConfigDict, config_flags

from futurepred_jax import config_flag, evaluate, modes, predict_files, pretrained
from futurepred_jax.training import compilation, distributed

WORKDIR = flags.DEFINE_string(
    "workdir",
    None,
    "The folder in which everything is kept; by default runs/NAME-PRESET, or runs/comparison for --mode=compare.",
)
MODE = flags.DEFINE_enum(
    "mode",
    "run",
    list(modes.MODES),
    "What to do.\n" + "\n".join(f"{name}: {m.help}" for name, m in modes.MODES.items()),
)
COORDINATOR = flags.DEFINE_string(
    "coordinator", None, "HOST:PORT of process 0, if several processes train one model and no cluster is detected."
)
PROCESSES = flags.DEFINE_integer("processes", None, "With --coordinator: the number of processes.", lower_bound=1)
PROCESS = flags.DEFINE_integer("process", None, "With --coordinator: the index of this process, from 0.", lower_bound=0)

SHORT = {
    "config.replay.step": flags.DEFINE_integer(
        "step", None, "With --mode=replay: the training step to recompute.", lower_bound=1
    ),
    "config.compare.workdirs": flags.DEFINE_string(
        "workdirs",
        None,
        "With --mode=compare: finished workdirs, separated by commas. The others are compared with the first.",
    ),
    "config.compile.topology": flags.DEFINE_string(
        "topology", None, "With --mode=compile: the hardware to compile for, such as v5e:4x4 or h100:8."
    ),
    "config.logging.profile": flags.DEFINE_string(
        "profile", None, "FIRST:LAST, the training steps that the profiler traces for TensorBoard."
    ),
    "config.evaluation.splits": flags.DEFINE_string(
        "splits", None, "With --mode=evaluate, predict or tokenize: names of splits, separated by commas, or all."
    ),
    "config.evaluation.predictions": flags.DEFINE_string(
        "predictions",
        None,
        "With --mode=evaluate: an npz file with futures that another codebase predicted; they are scored instead "
        "of the model's. Its array `video` [n t h w 3], uint8 or floats in [0, 1], holds the future frames of the "
        "split's first config.evaluation.clips clips.",
    ),
    "config.predictions.input": flags.DEFINE_string(
        "input", None, "With --mode=predict: your own videos, as a folder, a file or a pattern such as 'clips/*.mp4'."
    ),
    "config.predictions.frames": flags.DEFINE_integer(
        "frames",
        None,
        "With --input: the number of frames to predict; by default as many as in training.",
        lower_bound=1,
    ),
    "config.predictions.samples": flags.DEFINE_integer(
        "samples", None, "With --input: the number of futures to sample for each video.", lower_bound=1
    ),
    "config.predictions.pretrained": flags.DEFINE_string(
        "pretrained",
        None,
        "With --mode=evaluate, or --mode=predict and --input: a pretrained model of this package, such as "
        "baseline-tiny, which is used instead of the workdir's model.",
    ),
}
"""Flags that set a field of the config, by the name of the field."""

MEANT_FOR = {
    "step": ("replay",),
    "workdirs": ("compare",),
    "topology": ("compile",),
    "splits": ("evaluate", "predict", "tokenize", "run"),
    "predictions": ("evaluate",),
    **dict.fromkeys(("input", "frames", "samples"), ("predict",)),
}
"""The modes that use a flag, for flags that not every mode uses."""

OF_INPUT = ("frames", "samples")
"""Flags that --mode=predict uses only together with --input."""

WITH_PACKED = {"evaluate": evaluate.LEFT_TO_THE_COMMAND_LINE, "predict": predict_files.LEFT_TO_THE_COMMAND_LINE}
"""Modes that accept --pretrained, with the sections of the config that the command line may still set."""

flags.adopt_module_key_flags(config_flag)


def main(argv: Sequence[str]) -> None:
    """Checks the flags and runs the mode."""
    config = config_flag.CONFIG.value
    with config_flag.user_errors_as_messages():
        if len(argv) > 1:
            raise ValueError(f"unexpected arguments: {' '.join(argv[1:])}; --help lists the flags")
        apply_short(config)
        _require_use(config)
        workdir = os.path.expanduser(WORKDIR.value or f"runs/{_folder(config)}")  # shells do not expand --workdir=~/x
        if "://" in workdir and not workdir.startswith("gs://"):
            raise ValueError(f"--workdir={workdir}: give a folder, or gs://…; mount or copy what is in another store")
        distributed.initialize(COORDINATOR.value, PROCESSES.value, PROCESS.value)
        compilation.enable_compilation_cache()
        modes.MODES[MODE.value].run(config, workdir)


def _folder(config: ConfigDict) -> str:
    if MODE.value == "compare":
        return "comparison"
    return config.predictions.pretrained or f"{config.name}-{config.preset}"


def _require_use(config: ConfigDict) -> None:
    """Raises a ValueError if a flag was given that would have no effect."""
    for name, users in MEANT_FOR.items():
        if flags.FLAGS[name].present and MODE.value not in users:
            raise ValueError(f"--{name} with --mode={MODE.value}: it goes with --mode={' or '.join(users)}")
    if unused := [name for name in OF_INPUT if flags.FLAGS[name].present and not config.predictions.input]:
        raise ValueError(f"--{unused[0]} without --input: it goes with your own videos, --input='clips/*.mp4'")
    if config.predictions.input and flags.FLAGS["splits"].present:
        raise ValueError("--splits with --input: your own videos belong to no split; leave one of the two out")
    if not config.predictions.pretrained:
        return
    packed = pretrained.describe(config.predictions.pretrained)["config"]
    named = any(argument.partition("=")[0] == "--config" for argument in sys.argv)
    if named and (config.name, config.preset) != (packed["name"], packed["preset"]):
        raise ValueError(
            f"--config={config.name}:{config.preset} with --pretrained={config.predictions.pretrained}, which is a "
            f"{packed['name']}:{packed['preset']}: leave --config out"
        )
    if MODE.value not in WITH_PACKED:
        raise ValueError(f"--pretrained with --mode={MODE.value}: only --mode=evaluate and predict take a packed model")
    taken, given = WITH_PACKED[MODE.value], config_flags.get_override_values(flags.FLAGS["config"])
    if left := [f"--config.{name}" for name in given if name.split(".")[0] not in taken]:
        raise ValueError(
            f"{', '.join(left)} with --pretrained: the packed model has its own; --mode={MODE.value} takes "
            f"{', '.join(f'--config.{section}' for section in taken)}"
        )


def apply_short(config: ConfigDict) -> None:
    """Sets the fields of the config whose short flags were given."""
    for field, flag in SHORT.items():
        if flag.present:
            config.update_from_flattened_dict({field: flag.value}, strip_prefix="config.")


def run() -> None:
    """Parses the command line and runs the mode that it names."""
    app.run(main, flags_parser=config_flag.parse)
