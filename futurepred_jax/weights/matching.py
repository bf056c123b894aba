"""Arrays by name against the variables of a network: all of both, each of the right shape."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from flax import traverse_util

from futurepred_jax.weights.naming import inception_name, naming_of

Variables = Mapping[str, Any]
"""A network's collections: arrays, or their shapes as ``jax.eval_shape`` gives them."""

SHOWN = 5  # names of each kind in an error


def to_variables(tensors: Mapping[str, np.ndarray], variables: Variables, network: str) -> dict[str, Any]:
    """A publisher's arrays as the variables of ``network``, the name of its class.

    Raises:
        ValueError: naming what is missing, left over or of another shape; or for names of no known publisher.
    """
    naming = naming_of(tensors)
    names = {path: naming(path, network) for path in traverse_util.flatten_dict(variables, sep="/")}
    to_ours = _without_ones if naming is inception_name else _from_torch
    paths = {name: path for path, name in names.items()}
    found = {paths.get(name, name): to_ours(array, name) for name, array in tensors.items()}
    return matched(found, variables, names)


def matched(found: Mapping[str, np.ndarray], variables: Variables, names: Mapping[str, str] | None = None) -> dict:
    """Arrays by path as a tree like ``variables``.

    Args:
        found: arrays, by paths joined by slashes.
        variables: the tree that is wanted.
        names: what an error calls the paths, if not by themselves.

    Raises:
        ValueError: naming what is missing, left over or of another shape.
    """
    wanted: dict[str, Any] = dict(traverse_util.flatten_dict(variables, sep="/"))
    names = names or {path: path for path in wanted}
    both = wanted.keys() & found.keys()
    faults = {
        "missing": [names[path] for path in wanted.keys() - both],
        "left over": list(found.keys() - both),
        "of another shape": [
            f"{names[path]} {found[path].shape}, not {wanted[path].shape}"
            for path in both
            if found[path].shape != wanted[path].shape
        ],
    }
    if any(faults.values()):
        raise ValueError("these weights are not this network's: " + "; ".join(_told(faults)))
    return traverse_util.unflatten_dict({path: found[path].astype(wanted[path].dtype) for path in wanted}, sep="/")


def _told(faults: Mapping[str, list[str]]) -> list[str]:
    return [
        f"{len(items)} {fault}: {', '.join(sorted(items)[:SHOWN])}{', …' if len(items) > SHOWN else ''}"
        for fault, items in faults.items()
        if items
    ]


def _from_torch(array: np.ndarray, name: str) -> np.ndarray:
    """Convolutions from (out, in, t, h, w) and matrices from (out, in) to channels last."""
    del name
    if array.ndim == 5:
        return array.transpose(2, 3, 4, 1, 0)
    return array.T


def _without_ones(array: np.ndarray, name: str) -> np.ndarray:
    """Statistics without their (1, 1, 1, 1), and the head's 1 × 1 × 1 convolution as the matrix that it is."""
    if name.startswith("batch_stats/") or "/Logits/" in name:
        return array.reshape(array.shape[max(0, array.ndim - (2 if name.endswith("kernel") else 1)) :])
    return array
