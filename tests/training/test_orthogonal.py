"""Muon's orthogonalisation is optax's, made of fewer products."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from optax import contrib

from futurepred_jax.training.orthogonal import orthogonalised

SHAPES = {"tall": (3, 3, 8, 16), "wide": (8, 24), "square": (12, 12), "flat": (1, 4), "pointers": (20, 2)}


def updates(smallest):
    """Kernels with singular values from 1 down to ``smallest``, in a tree."""
    found = {}
    for name, shape in SHAPES.items():
        rows, columns = int(np.prod(shape[:-1])), shape[-1]
        left, _, right = np.linalg.svd(np.random.default_rng(0).normal(size=(rows, columns)), full_matrices=False)
        values = np.geomspace(1.0, smallest, len(right))
        found[name] = jnp.asarray((left * values @ right).reshape(shape), jnp.float32)
    return found


def theirs():
    """Of the update alone, without momentum, then scaled as ``contrib.muon`` scales it."""
    numbers = {
        name: contrib.MuonDimensionNumbers(tuple(range(len(shape) - 1)), (len(shape) - 1,))
        for name, shape in SHAPES.items()
    }
    muon = contrib.muon(1.0, beta=0.0, nesterov=False, muon_weight_dimension_numbers=numbers)
    return optax.chain(muon, optax.scale(-1.0))


@pytest.mark.parametrize("smallest", [0.5, 1e-2, 1e-5])
@pytest.mark.parametrize("size", [1e-4, 1e3])
def test_it_is_optaxs(smallest, size):
    given = jax.tree.map(lambda kernel: size * kernel, updates(smallest))
    ours, wanted = (
        jax.jit(lambda: rule.update(given, rule.init(given), given)[0])()  # noqa: B023
        for rule in (orthogonalised(), theirs())
    )
    for name in SHAPES:
        close = 2e-3 * np.linalg.norm(wanted[name])
        assert np.linalg.norm(ours[name] - wanted[name]) < close, name


def test_a_kernel_without_a_gradient_stays():
    rule = orthogonalised()
    none = jax.tree.map(jnp.zeros_like, updates(0.5))
    for kernel in jax.tree.leaves(rule.update(none, rule.init(none))[0]):
        np.testing.assert_array_equal(kernel, 0.0)
