"""Converted weights at rest: an ``.npz`` of the variables by path, and a header that says whose they are."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from flax import traverse_util

from futurepred_jax.weights.matching import Variables, matched

HEADER = "header"


def save_weights(path: str | Path, variables: Variables, header: Mapping[str, Any]) -> None:
    """Writes the variables, and the header as JSON."""
    arrays: dict[str, Any] = dict(traverse_util.flatten_dict(variables, sep="/"))
    with Path(path).open("wb") as file:
        np.savez(file, **{HEADER: json.dumps(header), **arrays})


def read_header(path: str | Path) -> dict[str, Any]:
    """Network, its fields, and name and SHA-256 of the file that was converted."""
    with np.load(path, allow_pickle=False) as file:
        return json.loads(str(file[HEADER]))


def load_weights(path: str | Path, variables: Variables, *, drop: tuple[str, ...] = ()) -> dict[str, Any]:
    """Converted weights as a tree like ``variables``.

    Args:
        path: what ``save_weights`` wrote.
        variables: of the network that takes them; arrays, or shapes from ``jax.eval_shape``.
        drop: modules at the top that the network does without, such as ``("head",)`` or ``("logits",)``.

    Raises:
        ValueError: naming what is missing, left over or of another shape.
    """
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files if name != HEADER and name.split("/")[1] not in drop}
    return matched(arrays, variables)


def read_weights(path: str | Path) -> dict[str, Any]:
    """All variables of a file, in float32 whatever they are stored in, for a file whose bytes are known to be right."""
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files if name != HEADER}
    floats = {name: array.astype(np.float32) for name, array in arrays.items() if array.dtype.kind == "f"}
    return traverse_util.unflatten_dict({**arrays, **floats}, sep="/")
