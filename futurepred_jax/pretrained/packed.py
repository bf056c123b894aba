"""The packed models. Each consists of parts whose files are named by their hash, so models share equal parts."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from futurepred_jax import factory
from futurepred_jax.models.predictor import PredictorModel
from futurepred_jax.weights import read_weights
from futurepred_jax.weights.reading import sha256

FOLDER = Path(__file__).resolve().parent


def names(folder: Path = FOLDER) -> list[str]:
    """Returns the names of the packed models."""
    return sorted(path.stem for path in folder.glob("*.json"))


def describe(name: str, folder: Path = FOLDER) -> dict[str, Any]:
    """Returns the description of a packed model.

    Returns:
        ``config``; ``parts``, the sha256 of each part's file; ``sha256`` of both together, which identifies the model;
        ``parameters``, their number; ``published``, scores of a few clips, and ``scores`` of all clips.

    Raises:
        ValueError: If the name is unknown (the message lists the known ones), or the file is damaged.
    """
    known, path = names(folder), folder / f"{name}.json"
    if name not in known:
        raise ValueError(f"no pretrained model {name!r}: known are {', '.join(known) or 'none yet'}")
    try:
        entry = json.loads(path.read_text())
        intact = entry["sha256"] == fingerprint(entry["config"], entry["parts"])
    except (ValueError, KeyError, TypeError):
        intact = False
    if not intact:
        raise _damaged(path)
    return entry


def load(name: str, folder: Path = FOLDER) -> tuple[ConfigDict, PredictorModel]:
    """Loads a packed model's config and predictor.

    Raises:
        ValueError: If the name is unknown, or a file is missing or damaged.
    """
    entry = describe(name, folder)
    weights = {part: _read(part_path(folder, part, digest), digest) for part, digest in entry["parts"].items()}
    config = factory.restored_config(entry["config"])
    return config, factory.assemble_predictor(config, weights)


def part_path(folder: Path, part: str, digest: str) -> Path:
    """Returns the path of the part with this sha256."""
    return folder / "parts" / f"{part}-{digest[:16]}.npz"


def fingerprint(config: Mapping[str, Any], parts: Mapping[str, str]) -> str:
    """Returns the sha256 of a model's config and parts, which identifies the model."""
    return hashlib.sha256(json.dumps([config, parts], sort_keys=True).encode()).hexdigest()


def _read(path: Path, digest: str) -> dict[str, Any]:
    if not path.exists() or sha256(path) != digest:
        raise _damaged(path)
    return read_weights(path)


def _damaged(path: Path) -> ValueError:
    return ValueError(f"{path} is missing or damaged: install the package anew")
