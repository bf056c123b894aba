"""Sampling of digits from logits, and the exact likelihood of tokens."""

import dataclasses
import math
from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from futurepred_jax.models.codes import argmax


@dataclasses.dataclass(frozen=True)
class Sampling:
    """How tokens are sampled: the guess is applied first, then temperature, ``top_k`` and ``top_p`` (nucleus).

    Attributes:
        temperature: Divisor of the logits, at least 0; 0 takes the likeliest code of each digit (greedy).
        top_k: Number of likeliest codes to sample from; 0 for all.
        top_p: Samples from the fewest likeliest codes whose probabilities sum to this, in (0, 1]; 1 for all.
        guess_weight: Weight of the first guess, at least 0. The probability of a code is multiplied by
            exp(−``guess_weight`` · d), where d is the code's squared distance from the vector of the guess, in units of
            the codes' variance. The guess does not depend on sampled tokens, so it counteracts errors that build up in
            them. 0 samples from the model's own distribution.
        draft: Number of positions of a pass with speculative decoding; 0 samples one position in a pass. It changes the
            time that a future takes, not the future.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    guess_weight: float = 0.0
    draft: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < math.inf:
            raise ValueError(f"temperature {self.temperature:g}: needs a finite temperature >= 0")
        if self.top_k < 0:
            raise ValueError(f"top_k {self.top_k}: needs top_k >= 0, where 0 keeps all codes")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p {self.top_p:g}: needs 0 < top_p <= 1, where 1 keeps all codes")
        if not 0 <= self.guess_weight < math.inf:
            raise ValueError(f"guess_weight {self.guess_weight:g}: needs a finite weight >= 0")
        if self.draft < 0:
            raise ValueError(f"draft {self.draft}: needs a number of positions, 0 for one at a time")

    @property
    def rule(self) -> str:
        """The settings in words, for reports."""
        drawing = f"one sample at temperature {self.temperature:g}, top-k {self.top_k}, top-p {self.top_p:g}"
        guess = f", guess weight {self.guess_weight:g}" if self.guess_weight else ""
        return (drawing if self.temperature else "greedy") + guess


def sample(
    logits: Float[Array, "*b v"],
    *,
    keys: Key[Array, "*b"],
    sampling: Sampling,
    distance: Float[Array, "*#b v"] | None = None,
) -> Int[Array, "*b"]:
    """Samples a digit from each row of logits.

    Args:
        logits: Logits of the codes.
        keys: A random key for each row; not used at temperature 0.
        sampling: How digits are sampled.
        distance: Distances of the codes from the first guess, for ``sampling.guess_weight``; None without a guess.
    """
    if distance is not None:
        logits -= sampling.guess_weight * distance
    if sampling.temperature == 0:
        return argmax(logits)
    noise = jnp.vectorize(partial(jax.random.gumbel, shape=logits.shape[-1:]), signature="()->(v)")(keys)
    return argmax(truncate(logits / sampling.temperature, sampling) + noise)


def truncate(logits: Float[Array, "*b v"], sampling: Sampling) -> Float[Array, "*b v"]:
    """Sets the logits that ``top_k`` and ``top_p`` exclude to minus infinity; the largest one always stays."""
    if sampling.top_k:
        least = jax.lax.top_k(logits, min(sampling.top_k, logits.shape[-1]))[0][..., -1:]
        logits = jnp.where(logits < least, -jnp.inf, logits)
    if sampling.top_p < 1:
        ordered = jnp.sort(logits, axis=-1, descending=True)
        p = jax.nn.softmax(ordered)
        inside = jnp.cumsum(p, axis=-1) - p < sampling.top_p
        least = jnp.min(jnp.where(inside, ordered, jnp.inf), axis=-1, keepdims=True)
        logits = jnp.where(logits < least, -jnp.inf, logits)
    return logits


def token_nll(logits: Float[Array, "*b g v"], tokens: Int[Array, "*b g"]) -> Float[Array, "*b"]:
    """Returns the exact negative log-likelihood of each token in nats, from the logits of its digits."""
    chosen = jnp.take_along_axis(logits, tokens[..., None], axis=-1)[..., 0]
    return jnp.sum(jax.nn.logsumexp(logits, axis=-1) - chosen, axis=-1)
