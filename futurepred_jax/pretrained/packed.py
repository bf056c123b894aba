"""The packed models and their index: by name, sha256 of the file and scores."""

import json
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from futurepred_jax import factory
from futurepred_jax.models.predictor import Predictor
from futurepred_jax.weights import read_header, read_weights
from futurepred_jax.weights.reading import sha256

FOLDER = Path(__file__).resolve().parent
INDEX = "index.json"


def index(folder: Path = FOLDER) -> dict[str, dict[str, Any]]:
    """What there is, by name: ``sha256``, ``parameters``, ``published`` scores of a few clips and ``scores`` of all."""
    path = folder / INDEX
    return json.loads(path.read_text()) if path.exists() else {}


def load(name: str, folder: Path = FOLDER) -> tuple[ConfigDict, Predictor]:
    """A packed model's config and predictor.

    Raises:
        ValueError: for an unknown name, with the known ones, or a file that is missing or has other bytes.
    """
    known = index(folder)
    if name not in known:
        raise ValueError(f"no pretrained model {name!r}: known are {', '.join(known) or 'none yet'}")
    path = folder / f"{name}.npz"
    if not path.exists() or sha256(path) != known[name]["sha256"]:
        raise ValueError(f"{path} is missing or damaged: install the package anew")
    config = factory.restored_config(read_header(path)["config"])
    return config, factory.assemble_predictor(config, read_weights(path))
