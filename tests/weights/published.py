"""Narrow networks, and checkpoints for them that are drawn name by name: the same wherever they are drawn."""

import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from flax import traverse_util

from futurepred_jax.models.i3d import I3D
from futurepred_jax.models.inception import InceptionI3D
from futurepred_jax.models.slowfast import Slow, SlowFast
from futurepred_jax.weights.convert import shapes_of
from futurepred_jax.weights.naming import Naming

SMALL: dict[str, Any] = {"num_classes": 7, "width": 16, "dropout": 0.0}
SHALLOW: dict[str, Any] = {**SMALL, "blocks": (2, 2, 2, 2)}
NETWORKS: dict[str, Any] = {
    "i3d": I3D(**SHALLOW),
    "slow": Slow(**SHALLOW),
    "slowfast": SlowFast(**SHALLOW),
    "slowfast_4x16": SlowFast(**SHALLOW, alpha=8, fusion_window=5),
}
INCEPTION = InceptionI3D(**SMALL)
GOLDEN = Path(__file__).with_name("golden.json")
CLIP = (2, 16, 40, 48, 3)  # neither square nor a multiple of 32


def clip() -> np.ndarray:
    """Frames in [-1, 1]."""
    return np.random.default_rng(0).uniform(-1, 1, CLIP).astype(np.float32)


def checkpoint(network: Any, naming: Naming) -> dict[str, np.ndarray]:
    """Weights and statistics by their publisher's names, in PyTorch's layout, none of which is 0 or 1."""
    paths: dict[str, Any] = traverse_util.flatten_dict(shapes_of(network), sep="/")
    return {
        (name := naming(path, type(network).__name__)): _drawn(name, path.split("/")[-1], leaf.shape)
        for path, leaf in paths.items()
    }


def _drawn(name: str, kind: str, shape: tuple[int, ...]) -> np.ndarray:
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    if kind in ("scale", "var"):
        return rng.uniform(0.5, 1.5, shape).astype(np.float32)
    if kind in ("bias", "mean"):
        return (0.2 * rng.standard_normal(shape)).astype(np.float32)
    axes = (4, 3, 0, 1, 2) if len(shape) == 5 else (1, 0)
    kernel = rng.standard_normal(shape) * np.sqrt(2 / np.prod(shape[:-1]))
    return np.ascontiguousarray(kernel.transpose(axes).astype(np.float32))


def sampled(features: dict[str, np.ndarray]) -> dict[str, list[float]]:
    """Of each array, 8 values spread over it."""
    return {
        name: [float(value) for value in np.ravel(array)[np.linspace(0, np.size(array) - 1, 8).astype(int)]]
        for name, array in features.items()
    }


def golden() -> dict[str, dict[str, list[float]]]:
    """What pytorchvideo made of ``clip()`` with ``checkpoint(network, pytorchvideo_name)``, sampled."""
    return json.loads(GOLDEN.read_text())
