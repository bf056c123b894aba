"""Published checkpoint files to plain arrays by name, without running what a pickle asks for."""

import hashlib
import pickle
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy._core.multiarray import _reconstruct, scalar

from futurepred_jax.weights.naming import of_caffe2

Tensors = dict[str, np.ndarray]

ALLOWED = {
    "numpy.ndarray": np.ndarray,
    "numpy.dtype": np.dtype,
    "numpy.core.multiarray._reconstruct": _reconstruct,
    "numpy.core.multiarray.scalar": scalar,
    "numpy._core.multiarray._reconstruct": _reconstruct,
    "numpy._core.multiarray.scalar": scalar,
}
"""All that a pickle of arrays names, by its module in NumPy 1 or 2."""

NOT_WEIGHTS = ("num_batches_tracked", "momentum", "lr", "model_iter")
"""Endings of what checkpoints hold besides: a counter of PyTorch's, and Caffe2's state of the optimizer."""


class ArrayUnpickler(pickle.Unpickler):
    """Opens pickles of containers and NumPy arrays; whatever else a pickle names is an error."""

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        """The class or function of that name, if it is one of ``ALLOWED``."""
        name = f"{module_name}.{global_name}"
        if name not in ALLOWED:
            raise ValueError(
                f"the pickle asks for {name}; a checkpoint may hold NumPy arrays only, so it is not opened"
            )
        return ALLOWED[name]


def read_tensors(path: str | Path) -> Tensors:
    """Arrays of a checkpoint, by their publisher's names; Caffe2's blobs by PySlowFast's.

    ``.pyth`` and ``.pt`` are PyTorch's, of which there are two formats with their own storage sharing; PyTorch itself
    opens both, restricted to weights. ``.pkl`` and ``.ckpt`` are pickles of NumPy arrays.

    Raises:
        ValueError: for a file of another kind, or a pickle with anything but arrays in it.
        ModuleNotFoundError: for a ``.pyth`` without PyTorch.
    """
    path = Path(path)
    readers = {".pyth": _read_torch, ".pt": _read_torch, ".pkl": _read_pickle, ".ckpt": _read_pickle}
    if path.suffix not in readers:
        raise ValueError(f"{path.name}: known endings are {', '.join(readers)}")
    return {name: array for name, array in readers[path.suffix](path).items() if not name.endswith(NOT_WEIGHTS)}


def _read_torch(path: Path) -> Tensors:
    try:
        import torch  # pyright: ignore[reportMissingImports]
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"{path.name}: PyTorch reads it; install torch (CPU is enough)") from error
    content = torch.load(path, map_location="cpu", weights_only=True)
    return {name: tensor.numpy() for name, tensor in content.get("model_state", content).items()}


def _read_pickle(path: Path) -> Tensors:
    with path.open("rb") as file:
        content = ArrayUnpickler(file, encoding="latin1").load()  # Caffe2's were written by Python 2
    if "blobs" in content:
        return {of_caffe2(name): np.asarray(blob) for name, blob in content["blobs"].items()}
    return dict(_flatten(content))


def _flatten(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, np.ndarray]]:
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{key}/")
        else:
            yield f"{prefix}{key}", np.asarray(value)


def sha256(path: str | Path) -> str:
    """Digest of a file, in hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
