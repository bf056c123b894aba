"""The packed models, each a list of parts, which are called by the hash of their content: models share equal ones."""

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
    """The models that there are."""
    return sorted(path.stem for path in folder.glob("*.json"))


def describe(name: str, folder: Path = FOLDER) -> dict[str, Any]:
    """What is known of a model.

    Returns:
        ``config``; ``parts``, the sha256 of each one's file; ``sha256`` of both together, which tells models apart;
        ``parameters``; ``published`` scores of a few clips, and ``scores`` of all.

    Raises:
        ValueError: for an unknown name, with the known ones, or a file with other bytes than were written.
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
    """A packed model's config and predictor.

    Raises:
        ValueError: as ``describe``, or if a part is missing or has other bytes.
    """
    entry = describe(name, folder)
    weights = {part: _read(part_path(folder, part, digest), digest) for part, digest in entry["parts"].items()}
    config = factory.restored_config(entry["config"])
    return config, factory.assemble_predictor(config, weights)


def part_path(folder: Path, part: str, digest: str) -> Path:
    """Where a part with this sha256 is kept."""
    return folder / "parts" / f"{part}-{digest[:16]}.npz"


def fingerprint(config: Mapping[str, Any], parts: Mapping[str, str]) -> str:
    """Tells a model from all others: sha256 of its config and parts."""
    return hashlib.sha256(json.dumps([config, parts], sort_keys=True).encode()).hexdigest()


def _read(path: Path, digest: str) -> dict[str, Any]:
    if not path.exists() or sha256(path) != digest:
        raise _damaged(path)
    return read_weights(path)


def _damaged(path: Path) -> ValueError:
    return ValueError(f"{path} is missing or damaged: install the package anew")
