"""Scores of discrete tokens: likelihood of the true ones, and how much of the codebook is in use."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

NATS_PER_BIT = float(np.log(2))


class CodebookUse(NamedTuple):
    """Share of all codes that occur at all; the exponential of a digit's entropy, averaged over the digits; sizes."""

    usage: float
    perplexity: float
    sizes: tuple[int, ...]


def token_accuracy(correct: Bool[np.ndarray, "b n"]) -> Float[np.ndarray, "b"]:
    """Share of each clip's future tokens whose likeliest digits, given all that is true before, are the true ones."""
    return correct.mean(axis=-1)


def bits_per_token(nll: Float[np.ndarray, "b n"]) -> Float[np.ndarray, "b"]:
    """Mean negative log-likelihood of each clip's future tokens, from nats to bits."""
    return nll.astype(np.float64).mean(axis=-1) / NATS_PER_BIT


def code_counts(tokens: Shaped[np.ndarray, "*shape g"], sizes: Sequence[int]) -> Int[np.ndarray, "g v"]:
    """How often each code of each digit occurs, in rows of the largest codebook; counts of several batches add up.

    Raises:
        ValueError: A digit lies outside its codebook.
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
    """Usage and perplexity from the codes' counts.

    Raises:
        ValueError: Nothing was counted.
    """
    if not counts.sum():
        raise ValueError("no token counted: usage and perplexity need at least one; tokenize a split first")
    entropies = [-(share * np.log(share)).sum() for row in counts for share in [row[row > 0] / row.sum()]]
    usage = float((counts > 0).sum() / sum(sizes))
    return CodebookUse(usage=usage, perplexity=float(np.exp(np.mean(entropies))), sizes=tuple(sizes))
