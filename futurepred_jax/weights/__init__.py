"""Published checkpoints as our variables, every path and shape checked."""

from futurepred_jax.weights.matching import to_variables
from futurepred_jax.weights.reading import read_tensors
from futurepred_jax.weights.store import load_weights, save_weights

__all__ = ["load_weights", "read_tensors", "save_weights", "to_variables"]
