"""Gradient accumulation of the part of an objective that needs the most memory, over parts of the batch."""

from collections.abc import Callable

import jax
from einops import rearrange
from jaxtyping import Array, PyTree


def in_chunks(function: Callable[..., PyTree], chunks: int, *rows: Array) -> PyTree:
    """Computes ``function(*rows)`` in ``chunks`` turns, with less memory and the same result up to rounding.

    The backward pass recomputes the activations of each turn, so that those of one turn are in memory at a time, and
    sums the gradients of the turns. This takes one more forward pass. Anything outside the function, such as
    normalisers of a loss, codebook statistics and random numbers, is computed once for the whole batch.

    Args:
        function: Pure function from arrays with a leading axis [b] to a pytree of such arrays. A row of its results
            must depend on the same row of its arguments only.
        chunks: Number of turns; 1 calls the function directly.
        rows: Arrays [b …]. Each turn takes every ``chunks``-th row, so that the rows of a batch that is split over
            devices stay on their devices.

    Raises:
        ValueError: If ``chunks`` does not divide b.
    """
    if chunks == 1:
        return function(*rows)
    if chunks < 1 or rows[0].shape[0] % chunks:
        raise ValueError(f"config.train.accumulate {chunks} does not divide the batch of {rows[0].shape[0]}")
    split = tuple(rearrange(row, "(b k) ... -> k b ...", k=chunks) for row in rows)
    results = jax.lax.map(jax.checkpoint(lambda turn: function(*turn)), split)
    return jax.tree.map(lambda result: rearrange(result, "k b ... -> (b k) ..."), results)


def require_one_turn(chunks: int) -> None:
    """Checks that the batch of a model with BatchNorm goes through it in one turn.

    Raises:
        ValueError: If ``chunks`` is above 1.
    """
    if chunks > 1:
        raise ValueError(
            f"config.train.accumulate {chunks} with a motion network: its BatchNorm takes the statistics of the whole "
            "batch, so it must be 1"
        )
