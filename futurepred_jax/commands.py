"""The command line's flags, and their dispatch to a mode; ``run``, the default, does all that is missing, in order."""

import sys
from collections.abc import Sequence

from absl import app, flags, logging
from ml_collections import config_flags

from futurepred_jax import modes
from futurepred_jax.configs import NAMES, find_config

WORKDIR = flags.DEFINE_string("workdir", None, "Where everything is kept; by default runs/NAME-PRESET.")
MODE = flags.DEFINE_enum(
    "mode", "run", list(modes.MODES), "; ".join(f"{m}: {f.__doc__}" for m, f in modes.MODES.items())
)
SPLITS = flags.DEFINE_string("splits", None, "With --mode=evaluate: names with commas; config.evaluation.splits.")
PREDICTIONS = flags.DEFINE_string(
    "predictions",
    None,
    "With --mode=evaluate: an npz whose array `video`, uint8 or in [0, 1], [n t h w 3], holds the futures of a split's "
    "first n clips as another codebase predicted them; they are scored in place of the model's.",
)
CONFIG = config_flags.DEFINE_config_file(
    "config",
    find_config("baseline"),
    f"NAME[.py][:PRESET] with NAME one of {', '.join(NAMES)}, or the path of your own; PRESET one of debug, tiny (the "
    "default), small, base. Any field is set by --config.any.field=value.",
)


def main(argv: Sequence[str]) -> None:
    """Dispatches to the mode; an error that the user can mend is a message, with --verbosity=1 a traceback."""
    if len(argv) > 1:
        raise app.UsageError(f"unexpected arguments: {' '.join(argv[1:])}")
    if not flags.FLAGS["verbosity"].present:
        logging.set_verbosity(logging.WARNING)  # orbax tells every file that it writes
    config = CONFIG.value
    for flag in (SPLITS, PREDICTIONS):
        config.evaluation[flag.name] = flag.value if flag.present else config.evaluation[flag.name]
    try:
        modes.MODES[MODE.value](config, WORKDIR.value or f"runs/{config.name}-{config.preset}")
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
