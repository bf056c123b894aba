"""Trained models inside the package: ``NAME.npz`` with weights and config, ``NAME.md`` about it, and ``index.json``."""

from futurepred_jax.pretrained.packed import FOLDER, index, load

__all__ = ["FOLDER", "index", "load"]
