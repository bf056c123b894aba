"""Scores of discrete tokens: likelihood of the true ones, and how much of the codebook is in use."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

NATS_PER_BIT = float(np.log(2))


class CodebookUse(NamedTuple):
    """Share of the codes that occur at all, and the exponential of the codes' entropy: 1 (one code) to ``size``."""

    usage: float
    perplexity: float
    size: int


def token_accuracy(correct: Bool[np.ndarray, "b n"]) -> Float[np.ndarray, "b"]:
    """Share of each clip's future tokens whose likeliest value, given all true tokens before, is the true one."""
    return correct.mean(axis=-1)


def bits_per_token(nll: Float[np.ndarray, "b n"]) -> Float[np.ndarray, "b"]:
    """Mean negative log-likelihood of each clip's future tokens, from nats to bits."""
    return nll.astype(np.float64).mean(axis=-1) / NATS_PER_BIT


def code_counts(tokens: Shaped[np.ndarray, "*shape"], size: int) -> Int[np.ndarray, "size"]:
    """How often each of the codebook's ``size`` codes occurs; counts of several batches add up.

    Raises:
        ValueError: A token lies outside the codebook.
    """
    flat = np.asarray(tokens).ravel()
    if flat.size and (flat.min() < 0 or flat.max() >= size):
        raise ValueError(f"tokens {flat.min()} to {flat.max()}: a codebook of {size} has 0 to {size - 1}; correct size")
    return np.bincount(flat, minlength=size)


def codebook_use(counts: Int[np.ndarray, "size"]) -> CodebookUse:
    """Usage and perplexity from the codes' counts.

    Raises:
        ValueError: Nothing was counted.
    """
    if not counts.sum():
        raise ValueError("no token counted: usage and perplexity need at least one; tokenize a split first")
    share = counts[counts > 0] / counts.sum()
    perplexity = float(np.exp(-(share * np.log(share)).sum()))
    return CodebookUse(usage=len(share) / len(counts), perplexity=perplexity, size=len(counts))
