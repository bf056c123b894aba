"""The flag --config of every command, and mistakes told in a line."""

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
    None,  # here it would be read as soon as this is imported
    f"NAME[.py][:PRESET] with NAME one of {', '.join(NAMES)}, or the path of your own, {DEFAULT} where none is given; "
    "PRESET one of debug, tiny (the default), small, base, large. Any field is set by --config.any.field=value.",
)


def parse(argv: Sequence[str]) -> list[str]:
    """absl's flags, with --config=NAME found among the configs and mistakes told in a line."""
    found = list(argv)
    try:
        line = iter(argv)
        program, *rest = [f"--config={next(line, '')}" if a == "--config" else a for a in line]
        configs = [a for a in rest if a.startswith("--config=")] or [f"--config={DEFAULT}"]
        chosen = [f"--config={find_config(a.split('=', 1)[1])}" for a in configs]  # first: it defines its fields' flags
        found = [program, *chosen, *(a for a in rest if not a.startswith("--config="))]
        return flags.FLAGS(found)
    except (flags.Error, ValueError, AttributeError, KeyError) as error:
        said = str(error.args[0] if error.args else error)
        sys.exit(f"error: {_unknown(found) or said.strip().splitlines()[-1].strip()}")


def _unknown(argv: Sequence[str]) -> str:
    """What is wrong with the first override of a field that the config has not; nothing where it has all."""
    path, _, preset = next((a for a in argv if a.startswith("--config=")), "").removeprefix("--config=").partition(":")
    try:
        config = runpy.run_path(path)["get_config"](*filter(None, [preset]))
    except (OSError, ImportError, ValueError):
        return ""  # the parser has said what is wrong with these
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
def told() -> Iterator[None]:
    """An error that the user can mend is a message, with --verbosity=1 a traceback."""
    if not flags.FLAGS["verbosity"].present:
        logging.set_verbosity(logging.WARNING)  # orbax tells every file that it writes
    try:
        yield
    except (ValueError, OSError, FloatingPointError) as error:
        if logging.level_debug():
            raise
        sys.exit(f"error: {error}")
