"""The configs, each a file NAME.py with ``get_config(preset)``."""

from pathlib import Path

FOLDER = Path(__file__).resolve().parent
NAMES = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem not in ("__init__", "shared"))


def find_config(argument: str) -> str:
    """The file behind ``NAME``, ``configs/NAME.py`` or a path, each with an optional ``:PRESET``, which stays.

    Raises:
        ValueError: if there is none, with the names that there are.
    """
    name, *preset = argument.split(":", 1)
    path = Path(name)
    ours = [FOLDER / f"{path.stem}.py"] if path.parent in (Path(), Path("configs")) else []
    for found in (path, *ours):
        if found.is_file():
            return ":".join([str(found), *preset])
    raise ValueError(f"no config {name!r}: give a path to one, or one of {', '.join(NAMES)}")
