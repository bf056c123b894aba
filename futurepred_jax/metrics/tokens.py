"""Scores of discrete tokens: likelihood of the true ones, and use of the codebook."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

NATS_PER_BIT = float(np.log(2))


class CodebookUse(NamedTuple):
    """How much of the codebooks is in use.

    Attributes:
        usage: Share of all codes that occur at least once.
        perplexity: Exponential of the digits' mean entropy.
        sizes: Number of codes of each digit.
    """

    usage: float
    perplexity: float
    sizes: tuple[int, ...]


def token_accuracy(correct: Bool[np.ndarray, "b n"]) -> Float[np.ndarray, "b"]:
    """Returns the share of each clip's future tokens whose likeliest digits, given the true past, are all correct."""
    return correct.mean(axis=-1)


def bits_per_token(nll: Float[np.ndarray, "b n"]) -> Float[np.ndarray, "b"]:
    """Returns each clip's mean negative log-likelihood per token in bits; ``nll`` is in nats."""
    return nll.astype(np.float64).mean(axis=-1) / NATS_PER_BIT


def code_counts(tokens: Shaped[np.ndarray, "*shape g"], sizes: Sequence[int]) -> Int[np.ndarray, "g v"]:
    """Counts how often each code of each digit occurs; counts of several batches can be added.

    Args:
        tokens: Tokens, with one index per codebook on the last axis.
        sizes: Number of codes of each digit; rows of the result are as long as the largest codebook.

    Raises:
        ValueError: If a digit lies outside its codebook.
    """
    counts = np.zeros((len(sizes), max(sizes)), np.int64)
    for digit, (row, size) in enumerate(zip(counts, sizes, strict=True)):
        found = np.asarray(tokens)[..., digit].ravel()
        if found.size and (found.min() < 0 or found.max() >= size):
            span = f"{found.min()} to {found.max()}"
            raise ValueError(f"tokens {span}: a codebook of {size} has 0 to {size - 1}; correct sizes")
        row += np.bincount(found, minlength=len(row))
    return counts


def codebook_use(counts: Int[np.ndarray, "g v"], sizes: Sequence[int]) -> CodebookUse:
    """Computes usage and perplexity from the counts of codes.

    Raises:
        ValueError: If nothing was counted.
    """
    if not counts.sum():
        raise ValueError("no token counted: usage and perplexity need at least one; tokenize a split first")
    entropies = [-(share * np.log(share)).sum() for row in counts for share in [row[row > 0] / row.sum()]]
    usage = float((counts > 0).sum() / sum(sizes))
    return CodebookUse(usage=usage, perplexity=float(np.exp(np.mean(entropies))), sizes=tuple(sizes))
