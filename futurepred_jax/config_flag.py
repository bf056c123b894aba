"""The flag --config of every command, and users' mistakes reported as one-line messages."""

import contextlib
import runpy
import sys
from collections.abc import Iterator, Sequence

from absl import flags, logging
from ml_collections import ConfigDict, config_flags

from futurepred_jax.configs import NAMES, find_config

DEFAULT = "baseline"
CONFIG = config_flags.DEFINE_config_file(
    "config",
    None,  # a default given here would be read as soon as this module is imported
    f"The config, as NAME[:PRESET]. NAME is one of {', '.join(NAMES)}, or the path of your own "
    "config file. PRESET is one of debug, tiny (the default), small, base, large. Set any field of the config by "
    "--config.any.field=value.",
)
flags.FLAGS["config"].default_as_str = f"'{DEFAULT}'"  # what --help tells; ``parse`` puts it in


def parse(argv: Sequence[str]) -> list[str]:
    """Parses the command line with absl, after --config=NAME is replaced by the path of that config.

    A mistake in a flag ends the program with a one-line message.

    Args:
        argv: The command line, the program's name first.

    Returns:
        The arguments that are no flags, the program's name first.
    """
    found = list(argv)
    try:
        line = iter(argv)
        program, *rest = [f"--config={next(line, '')}" if a == "--config" else a for a in line]
        configs = [a for a in rest if a.startswith("--config=")] or [f"--config={DEFAULT}"]
        chosen = [
            f"--config={find_config(a.split('=', 1)[1])}" for a in configs
        ]  # before the others, since it defines the flags of its fields
        found = [program, *chosen, *(a for a in rest if not a.startswith("--config="))]
        return flags.FLAGS(found)
    except (flags.Error, ValueError, AttributeError, KeyError) as error:
        said = str(error.args[0] if error.args else error)
        sys.exit(f"error: {_unknown(found) or said.strip().splitlines()[-1].strip().removeprefix('ValueError: ')}")


def _unknown(argv: Sequence[str]) -> str:
    """Returns a message about the first override of a field that the config does not have, or an empty string."""
    path, _, preset = next((a for a in argv if a.startswith("--config=")), "").removeprefix("--config=").partition(":")
    try:
        config = runpy.run_path(path)["get_config"](*filter(None, [preset]))
    except (OSError, ImportError, ValueError):
        return ""  # the parser's own message explains these
    for name in (a.removeprefix("--").partition("=")[0] for a in argv if a.startswith("--config.")):
        section, place = config, "config"
        for part in name.split(".")[1:]:
            if not isinstance(section, ConfigDict):
                break
            if not hasattr(section, part):
                return f"--{name}: no such field; {place} has {', '.join(sorted(section.keys()))}"
            section, place = section[part], f"{place}.{part}"
    return ""


@contextlib.contextmanager
def user_errors_as_messages() -> Iterator[None]:
    """Ends the program with a one-line message where the user's input causes an error; --verbosity=1 shows a traceback.

    Such errors are ValueError, OSError and FloatingPointError; any other is a bug and keeps its traceback.
    """
    if not flags.FLAGS["verbosity"].present:
        logging.set_verbosity(logging.WARNING)  # at INFO, orbax logs every file that it writes
    try:
        yield
    except (ValueError, OSError, FloatingPointError) as error:
        if logging.level_debug():
            raise
        sys.exit(f"error: {error}")
