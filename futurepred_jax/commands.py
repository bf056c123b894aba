"""The command line's flags, and their dispatch to a mode; ``run``, the default, does all that is missing, in order."""

from collections.abc import Sequence

from absl import app, flags

from futurepred_jax import config_flag, modes

WORKDIR = flags.DEFINE_string("workdir", None, "Where everything is kept; by default runs/NAME-PRESET.")
MODE = flags.DEFINE_enum(
    "mode", "run", list(modes.MODES), "; ".join(f"{m}: {f.__doc__}" for m, f in modes.MODES.items())
)
flags.adopt_module_key_flags(config_flag)


def main(argv: Sequence[str]) -> None:
    """Dispatches to the mode."""
    if len(argv) > 1:
        raise app.UsageError(f"unexpected arguments: {' '.join(argv[1:])}")
    config = config_flag.CONFIG.value
    with config_flag.told():
        modes.MODES[MODE.value](config, WORKDIR.value or f"runs/{config.name}-{config.preset}")


def run() -> None:
    """Reads the command line and does what it says."""
    app.run(main, flags_parser=config_flag.parse)
