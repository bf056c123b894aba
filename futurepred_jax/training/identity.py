"""The config that a workdir belongs to, written at its first use and compared at every later one."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from etils import epath

from futurepred_jax.training import atomic, checkpoints

CONFIG = "config.json"
# Sections that decide the trained weights; the others may change between runs.
IDENTITY = ("seed", "data", "mirrored", "model", "objective", "realism", "train")
# Fields, by section, that change how a step is computed but not its result.
BY_THE_WAY = {"data": ("render_on",), "train": ("accumulate", "on_nan")}

Plain = Mapping[str, Any]
"""A config as nested plain dicts."""


def fingerprint(config: Plain) -> str:
    """Returns a hash of the sections that decide the trained weights."""
    return hashlib.blake2b(json.dumps(_deciding(config), sort_keys=True).encode(), digest_size=8).hexdigest()


def differences(ours: Plain, theirs: Plain) -> list[str]:
    """Returns a line ``field: ours, there theirs`` for each field of the deciding sections that differs."""
    left, right = (dict(_leaves("", _deciding(config))) for config in (ours, theirs))
    fields = sorted(left.keys() | right.keys())
    changed = [name for name in fields if left.get(name, "absent") != right.get(name, "absent")]
    return [f"{name}: {left.get(name, 'absent')}, there {right.get(name, 'absent')}" for name in changed]


def claim(workdir: epath.PathLike, config: Plain) -> None:
    """Writes a config into a workdir, after checking that any config there trains the same weights.

    Args:
        workdir: The workdir.
        config: The config as nested dicts.

    Raises:
        ValueError: If the workdir belongs to another config, with the fields that differ, or cannot be written.
    """
    workdir = epath.Path(workdir)
    if (workdir / CONFIG).exists():
        require_same(workdir, config)
    atomic.require_writable(workdir)
    atomic.write_text(workdir / CONFIG, json.dumps(config, indent=1, sort_keys=True))


def require_same(workdir: epath.PathLike, config: Plain) -> None:
    """Checks that a workdir belongs to a config.

    Raises:
        ValueError: If it belongs to another one, with the fields that differ, or has no config.
    """
    found = read_config(workdir)
    if changed := differences(config, found):
        lines = "\n  ".join(changed)
        remedy = (
            "Use the config it was trained with, or another workdir, in a folder of its own (runs/mine/NAME), since "
        )
        remedy += "a predictor's tokenizer and first guess stand beside it"
        if not (epath.Path(workdir) / checkpoints.FOLDER).exists():
            remedy = "Nothing was trained there yet: delete it to begin anew, or use another workdir"
        raise ValueError(f"{workdir} belongs to another config:\n  {lines}\n{remedy}; nothing there was changed")


def read_config(workdir: epath.PathLike) -> dict[str, Any]:
    """Reads the config of a workdir as nested dicts.

    Raises:
        ValueError: If there is none.
    """
    path = epath.Path(workdir) / CONFIG
    if not path.exists():
        raise ValueError(f"no {CONFIG} in {workdir}: train there first (--mode=train), or correct the path")
    return json.loads(path.read_text())


def _deciding(config: Plain) -> dict[str, Any]:
    """Returns the deciding sections, including those of tokenizer, outlook and pathways, with the types of JSON."""
    sections = {name: config[name] for name in IDENTITY if name in config}
    for section in BY_THE_WAY.keys() & sections.keys():
        kept = {name: value for name, value in config[section].items() if name not in BY_THE_WAY[section]}
        sections[section] = kept
    if config.get("init", {}).get("image"):
        sections["init"] = config["init"]
    if "tokenizer" in config:
        sections["tokenizer"] = _deciding(config["tokenizer"]["config"])
    if "outlook" in config:
        sections["outlook"] = _deciding(config["outlook"]["config"])
    if "pathways" in config:
        sections["pathways"] = {name: _pathway(section) for name, section in config["pathways"].items()}
    return json.loads(json.dumps(sections))


def _pathway(section: Plain) -> dict[str, Any]:
    start = {name: section[name] for name in ("init", "weights", "endpoints")}
    return start | _deciding(section["config"])


def _leaves(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _leaves(f"{path}.{name}" if path else name, inner)
    else:
        yield path, value
