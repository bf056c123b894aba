"""The command line's flags, and their dispatch to a mode; ``run``, the default, does all that is missing, in order."""

from collections.abc import Sequence

from absl import app, flags
from ml_collections import ConfigDict, config_flags

from futurepred_jax import config_flag, evaluate, modes, predict_files
from futurepred_jax.training import compilation, distributed

WORKDIR = flags.DEFINE_string(
    "workdir", None, "Where everything is kept; by default runs/NAME-PRESET, or runs/comparison of --mode=compare."
)
MODE = flags.DEFINE_enum(
    "mode", "run", list(modes.MODES), "; ".join(f"{m}: {f.__doc__}" for m, f in modes.MODES.items())
)
COORDINATOR = flags.DEFINE_string(
    "coordinator", None, "HOST:PORT of process 0, where several processes train as one and no cluster is detected."
)
PROCESSES = flags.DEFINE_integer("processes", None, "How many they are.", lower_bound=1)
PROCESS = flags.DEFINE_integer("process", None, "Which of them this is, from 0.", lower_bound=0)

SHORT = {
    "config.replay.step": flags.DEFINE_integer("step", None, "With --mode=replay: which.", lower_bound=1),
    "config.compare.workdirs": flags.DEFINE_string(
        "workdirs",
        None,
        "With --mode=compare: finished workdirs with commas between, the first to hold others against.",
    ),
    "config.compile.topology": flags.DEFINE_string(
        "topology", None, "With --mode=compile: the hardware, such as v5e:4x4 or h100:8."
    ),
    "config.logging.profile": flags.DEFINE_string(
        "profile", None, "FIRST:LAST: steps of a training that a profiler traces for TensorBoard."
    ),
    "config.evaluation.splits": flags.DEFINE_string(
        "splits", None, "With --mode=evaluate, predict or tokenize: names with commas between, or all."
    ),
    "config.evaluation.predictions": flags.DEFINE_string(
        "predictions",
        None,
        "With --mode=evaluate: an npz whose array `video`, uint8 or in [0, 1], [n t h w 3], holds the futures of a "
        "split's first config.evaluation.clips clips as another codebase predicted them; they are scored in place of "
        "the model's.",
    ),
    "config.predictions.input": flags.DEFINE_string(
        "input", None, "With --mode=predict: your own videos, a folder, a file or a pattern such as 'clips/*.mp4'."
    ),
    "config.predictions.frames": flags.DEFINE_integer(
        "frames", None, "With --input: how many frames to predict; by default as many as in training.", lower_bound=1
    ),
    "config.predictions.samples": flags.DEFINE_integer(
        "samples", None, "With --input: how many futures of each video.", lower_bound=1
    ),
    "config.predictions.pretrained": flags.DEFINE_string(
        "pretrained",
        None,
        "With --mode=evaluate, or predict and --input: a model of this package, such as baseline-tiny, in place of the "
        "workdir's.",
    ),
}
"""Flags that are short for a field of the config."""

MEANT_FOR = {
    "step": ("replay",),
    "workdirs": ("compare",),
    "topology": ("compile",),
    "splits": ("evaluate", "predict", "tokenize", "run"),
    "predictions": ("evaluate",),
    **dict.fromkeys(("input", "frames", "samples"), ("predict",)),
}
"""Modes that look at a flag, of flags that not all look at."""

OF_INPUT = ("frames", "samples")
"""Flags that --mode=predict looks at with --input alone."""

WITH_PACKED = {"evaluate": evaluate.LEFT_TO_THE_COMMAND_LINE, "predict": predict_files.LEFT_TO_THE_COMMAND_LINE}
"""Modes that take a packed model, and the sections of the config that it leaves to the command line."""

flags.adopt_module_key_flags(config_flag)


def main(argv: Sequence[str]) -> None:
    """Dispatches to the mode."""
    config = config_flag.CONFIG.value
    with config_flag.user_errors_as_messages():
        if len(argv) > 1:
            raise ValueError(f"unexpected arguments: {' '.join(argv[1:])}; --help lists what there is")
        apply_short(config)
        _require_use(config)
        workdir = WORKDIR.value or f"runs/{_folder(config)}"
        if "://" in workdir and not workdir.startswith("gs://"):
            raise ValueError(f"--workdir={workdir}: it is a folder, or gs://…; of other stores, mount or copy one")
        distributed.initialize(COORDINATOR.value, PROCESSES.value, PROCESS.value)
        compilation.enable_compilation_cache()
        modes.MODES[MODE.value](config, workdir)


def _folder(config: ConfigDict) -> str:
    if MODE.value == "compare":
        return "comparison"
    return config.predictions.pretrained or f"{config.name}-{config.preset}"


def _require_use(config: ConfigDict) -> None:
    """Raises a ValueError for a flag or packed model that the mode, and fields that such a model, would not look at."""
    for name, those in MEANT_FOR.items():
        if flags.FLAGS[name].present and MODE.value not in those:
            raise ValueError(f"--{name} with --mode={MODE.value}: it goes with --mode={' or '.join(those)}")
    if idle := [name for name in OF_INPUT if flags.FLAGS[name].present and not config.predictions.input]:
        raise ValueError(f"--{idle[0]} without --input: it is of what follows your own videos, --input='clips/*.mp4'")
    if not config.predictions.pretrained:
        return
    if MODE.value not in WITH_PACKED:
        raise ValueError(f"--pretrained with --mode={MODE.value}: only --mode=evaluate and predict take a packed model")
    taken, given = WITH_PACKED[MODE.value], config_flags.get_override_values(flags.FLAGS["config"])
    if left := [f"--config.{name}" for name in given if name.split(".")[0] not in taken]:
        raise ValueError(
            f"{', '.join(left)} with --pretrained: the packed model has its own; --mode={MODE.value} takes "
            f"{', '.join(f'--config.{section}' for section in taken)}"
        )


def apply_short(config: ConfigDict) -> None:
    """Sets the fields whose short flags were given."""
    for field, flag in SHORT.items():
        if flag.present:
            config.update_from_flattened_dict({field: flag.value}, strip_prefix="config.")


def run() -> None:
    """Reads the command line and does what it says."""
    app.run(main, flags_parser=config_flag.parse)
