"""Gradient accumulation: the part of an objective that needs the memory, over a few rows of the batch at a time."""

from collections.abc import Callable

import jax
from einops import rearrange
from jaxtyping import Array, PyTree


def in_chunks(function: Callable[..., PyTree], chunks: int, *rows: Array) -> PyTree:
    """``function(*rows)``, where a row of each result follows from the same row of each argument, in ``chunks`` turns.

    The backward pass computes each turn's activations anew, so that those of one turn live at a time, and sums the
    turns' gradients. What stands outside of it (normalisers of a loss, codebook statistics, random draws) is computed
    once for the batch: values and gradients are those of one turn up to rounding, for a forward pass more.

    Args:
        function: pure; arrays with a leading axis [b] to a pytree of such.
        chunks: turns; 1 calls the function.
        rows: arrays [b …]. Each turn takes every ``chunks``-th row, so that a batch that is split over devices stays
            where it is.

    Raises:
        ValueError: if ``chunks`` does not divide b.
    """
    if chunks == 1:
        return function(*rows)
    if chunks < 1 or rows[0].shape[0] % chunks:
        raise ValueError(f"config.train.accumulate {chunks} does not divide the batch of {rows[0].shape[0]}")
    split = tuple(rearrange(row, "(b k) ... -> k b ...", k=chunks) for row in rows)
    results = jax.lax.map(jax.checkpoint(lambda turn: function(*turn)), split)
    return jax.tree.map(lambda result: rearrange(result, "k b ... -> (b k) ..."), results)


def require_one_turn(chunks: int) -> None:
    """Raises a ValueError unless the batch of a model with BatchNorm goes through it at once."""
    if chunks > 1:
        raise ValueError(
            f"config.train.accumulate {chunks} with a motion network: its BatchNorm takes the statistics of the whole "
            "batch, so it must be 1"
        )
