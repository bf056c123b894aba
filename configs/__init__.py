"""The configs, each a file NAME.py with ``get_config(preset)``."""

from pathlib import Path

FOLDER = Path(__file__).resolve().parent
NAMES = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem not in ("__init__", "shared"))


def find_config(argument: str) -> str:
    """The file behind ``NAME``, ``NAME.py`` or a path, each with an optional ``:PRESET``, which stays.

    Raises:
        ValueError: if there is none, with the names that there are.
    """
    name, *preset = argument.split(":", 1)
    for path in (Path(name), FOLDER / f"{Path(name).stem}.py"):
        if path.is_file():
            return ":".join([str(path), *preset])
    raise ValueError(f"no config {name!r}: give a path to one, or one of {', '.join(NAMES)}")
