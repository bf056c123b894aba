"""How a digit is drawn from its logits, and the exact likelihood of tokens."""

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from futurepred_jax.models.codes import argmax


@dataclasses.dataclass(frozen=True)
class Sampling:
    """How a token is drawn: the guess counts first, then the temperature, the ``top_k`` cut and the nucleus ``top_p``.

    Attributes:
        temperature: Divides the logits; 0 takes the likeliest token (greedy).
        top_k: Draw among this many likeliest tokens; 0 for all.
        top_p: Draw among the fewest likeliest tokens whose probability reaches this; 1 for all.
        guess_weight: Of the first guess, where there is one. The probability of a code is multiplied with
            exp(−``guess_weight`` · d), where d is its squared distance from the vector that the guess expects, in units
            of the codes' variance: the model says which codes make a picture together, the guess where things are. It
            knows nothing of the codes taken before, and so does not follow them when they went astray. 0 draws from the
            model's own distribution.
        draft: Positions a pass of the model, most of them after a draft of their tokens; 0 for one at a time. It
            changes the time that a future takes, and nothing of the future.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    guess_weight: float = 0.0
    draft: int = 0

    def __post_init__(self) -> None:
        if self.temperature < 0 or self.top_k < 0 or not 0 < self.top_p <= 1:
            raise ValueError(f"{self}: needs temperature >= 0, top_k >= 0 (0: no cut) and 0 < top_p <= 1 (1: no cut)")
        if self.guess_weight < 0:
            raise ValueError(f"{self}: guess_weight is a weight, 0 or larger")
        if self.draft < 0:
            raise ValueError(f"{self}: draft is a number of positions, 0 for one at a time")

    @property
    def rule(self) -> str:
        """In words."""
        drawn = f"one sample at temperature {self.temperature:g}, top-k {self.top_k}, top-p {self.top_p:g}"
        guess = f", guess weight {self.guess_weight:g}" if self.guess_weight else ""
        return (drawn if self.temperature else "greedy") + guess


def sample(
    logits: Float[Array, "*b v"],
    *,
    keys: Key[Array, "*b"],
    sampling: Sampling,
    distance: Float[Array, "*#b v"] | None = None,
) -> Int[Array, "*b"]:
    """Draws a digit from each row of logits.

    Args:
        logits: Of the codes.
        keys: Of each row's draw, which depends on nothing else than the other arguments; not used at temperature 0.
        sampling: Its rule.
        distance: Of the codes from what a first guess expects, as ``sampling.guess_weight`` takes it.
    """
    if distance is not None:
        logits -= sampling.guess_weight * distance
    if sampling.temperature == 0:
        return argmax(logits)
    noise = jnp.vectorize(partial(jax.random.gumbel, shape=logits.shape[-1:]), signature="()->(v)")(keys)
    return argmax(truncate(logits / sampling.temperature, sampling) + noise)


def truncate(logits: Float[Array, "*b v"], sampling: Sampling) -> Float[Array, "*b v"]:
    """Logits with those of the tokens that ``top_k`` and ``top_p`` exclude at minus infinity; the likeliest stays."""
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
    """Exact negative log-likelihood of each token, in nats, from the logits of its digits."""
    chosen = jnp.take_along_axis(logits, tokens[..., None], axis=-1)[..., 0]
    return jnp.sum(jax.nn.logsumexp(logits, axis=-1) - chosen, axis=-1)
