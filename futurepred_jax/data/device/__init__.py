"""Clips drawn by JAX, on an accelerator and inside the step that trains on them, from what ``blueprints`` makes."""

from futurepred_jax.data.device.rendering import render

__all__ = ["render"]
