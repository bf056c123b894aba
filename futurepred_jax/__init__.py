"""Video prediction in JAX, measured against the truth."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from futurepred_jax.interface import Futures, Predictor, Tokenizer

__all__ = ["Futures", "Predictor", "Tokenizer"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """The public names, loaded at their first use: the package itself imports no JAX."""
    if name in __all__:
        return getattr(importlib.import_module("futurepred_jax.interface"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
