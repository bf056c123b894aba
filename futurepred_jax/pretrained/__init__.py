"""Trained models inside the package: ``NAME.json`` and ``NAME.md`` about each, and their weights in ``parts``."""

from futurepred_jax.pretrained.packed import FOLDER, describe, load, names

__all__ = ["FOLDER", "describe", "load", "names"]
