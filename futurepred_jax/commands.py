"""The command line's flags, and their dispatch to a mode; ``run``, the default, does all that is missing, in order."""

import sys
from collections.abc import Sequence

from absl import app, flags, logging
from ml_collections import config_flags

from futurepred_jax import modes
from futurepred_jax.configs import NAMES, find_config
from futurepred_jax.training import distributed

WORKDIR = flags.DEFINE_string("workdir", None, "Where everything is kept; by default runs/NAME-PRESET.")
MODE = flags.DEFINE_enum(
    "mode", "run", list(modes.MODES), "; ".join(f"{m}: {f.__doc__}" for m, f in modes.MODES.items())
)
CONFIG = config_flags.DEFINE_config_file(
    "config",
    find_config("baseline"),
    f"NAME[.py][:PRESET] with NAME one of {', '.join(NAMES)}, or the path of your own; PRESET one of debug, tiny (the "
    "default), small, base, large. Any field is set by --config.any.field=value.",
)
TOPOLOGY = flags.DEFINE_string(
    "topology", None, "Hardware that --mode=compile compiles for, such as v5e:4x4 or h100:8."
)
COORDINATOR = flags.DEFINE_string(
    "coordinator", None, "HOST:PORT of process 0, where several processes train as one and no cluster is detected."
)
PROCESSES = flags.DEFINE_integer("processes", None, "How many they are.", lower_bound=1)
PROCESS = flags.DEFINE_integer("process", None, "Which of them this is, from 0.", lower_bound=0)
STEP = flags.DEFINE_integer("step", None, "Of --mode=replay; in place of --config.replay.step.", lower_bound=1)
PROFILE = flags.DEFINE_string(
    "profile", None, "FIRST:LAST: steps that a profiler traces for TensorBoard; in place of --config.logging.profile."
)


def main(argv: Sequence[str]) -> None:
    """Dispatches to the mode; an error that the user can mend is a message, with --verbosity=1 a traceback."""
    if len(argv) > 1:
        raise app.UsageError(f"unexpected arguments: {' '.join(argv[1:])}")
    if not flags.FLAGS["verbosity"].present:
        logging.set_verbosity(logging.WARNING)  # orbax tells every file that it writes
    config = CONFIG.value
    if STEP.value:
        config.replay.step = STEP.value
    if PROFILE.value:
        config.logging.profile = PROFILE.value
    options = {"topology": TOPOLOGY.value or ""} if MODE.value == "compile" else {}
    try:
        distributed.initialize(COORDINATOR.value, PROCESSES.value, PROCESS.value)
        modes.MODES[MODE.value](config, WORKDIR.value or f"runs/{config.name}-{config.preset}", **options)
    except (ValueError, OSError, FloatingPointError) as error:
        if logging.level_debug():
            raise
        sys.exit(f"error: {error}")


def parse(argv: Sequence[str]) -> list[str]:
    """absl's flags, with --config=NAME found among the configs and mistakes told in a line."""
    try:
        found = [f"--config={find_config(a.split('=', 1)[1])}" if a.startswith("--config=") else a for a in argv]
        return flags.FLAGS(found)
    except (flags.Error, ValueError, AttributeError, KeyError) as error:
        said = str(error.args[0] if error.args else error)
        sys.exit(f"error: {said.strip().splitlines()[-1].strip()}")


def run() -> None:
    """Reads the command line and does what it says."""
    app.run(main, flags_parser=parse)
