"""Variables without the compilation that drawing them takes."""

import jax
import jax.numpy as jnp
import numpy as np


def filled(shapes, seed: int = 0):
    """Arrays of the given shapes: normal, divided by the root of the fan-in; vectors around 1."""
    rng = np.random.default_rng(seed)

    def fill(shape):
        values = rng.standard_normal(shape.shape) / np.sqrt(max(1, np.prod(shape.shape[:-1])))
        return jnp.asarray(1 + 0.1 * values if len(shape.shape) < 2 else values, shape.dtype)

    return jax.tree.map(fill, shapes)
