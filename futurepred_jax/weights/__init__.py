"""Published checkpoints as our variables, every path and shape checked."""

from futurepred_jax.weights.matching import to_variables
from futurepred_jax.weights.reading import read_tensors
from futurepred_jax.weights.store import load_weights, read_header, read_weights, save_weights

__all__ = ["load_weights", "read_header", "read_tensors", "read_weights", "save_weights", "to_variables"]
