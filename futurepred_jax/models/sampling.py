"""How a digit is drawn from its logits, and the exact likelihood of tokens."""

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from futurepred_jax.models.attention import MASKED


@dataclasses.dataclass(frozen=True)
class Sampling:
    """How a token is drawn: the temperature is applied first, then the ``top_k`` cut, then the nucleus ``top_p``.

    Attributes:
        temperature: Divides the logits; 0 takes the likeliest token (greedy).
        top_k: Draw among this many likeliest tokens; 0 for all.
        top_p: Draw among the fewest likeliest tokens whose probability reaches this; 1 for all.
        minimum_risk: At temperature 0, take the code whose squared distance to the true one, by the model's own codes,
            is the least on average, instead of the likeliest: an object that may be in many places is in none of them
            as likely as nothing at all.
        guess_share: Of the first guess, where there is one, in the mean that ``minimum_risk`` goes by: the guess knows
            nothing of the codes taken before, and so does not follow them when they went astray.
        draft: Positions a pass of the model, most of them after a draft of their tokens; 0 for one at a time. It
            changes the time that a future takes, and nothing of the future.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    minimum_risk: bool = False
    guess_share: float = 0.0
    draft: int = 0

    def __post_init__(self) -> None:
        if self.temperature < 0 or self.top_k < 0 or not 0 < self.top_p <= 1:
            raise ValueError(f"{self}: needs temperature >= 0, top_k >= 0 (0: no cut) and 0 < top_p <= 1 (1: no cut)")
        if not 0 <= self.guess_share <= 1:
            raise ValueError(f"{self}: guess_share is a share, in [0, 1]")
        if self.draft < 0:
            raise ValueError(f"{self}: draft is a number of positions, 0 for one at a time")
        if self.minimum_risk and self.temperature > 0:
            raise ValueError(f"{self}: minimum_risk draws nothing at random: set temperature to 0")


def sample(
    logits: Float[Array, "*b v"],
    codes: Float[Array, "v e"],
    *,
    keys: Key[Array, "*b"],
    sampling: Sampling,
    guess: Float[Array, "*#b e"] | None = None,
) -> Int[Array, "*b"]:
    """Draws a digit from each row of logits.

    Args:
        logits: Of the codes.
        codes: The vectors between which distances are measured.
        keys: Of each row's draw, which depends on nothing else than its logits; not used at temperature 0.
        sampling: Its rule.
        guess: The expected vector by a first guess.
    """
    if sampling.minimum_risk:
        mean = jax.nn.softmax(logits) @ codes
        if guess is not None:
            mean = (1 - sampling.guess_share) * mean + sampling.guess_share * guess
        return jnp.argmin(jnp.where(logits > MASKED / 2, _distance(mean, codes), jnp.inf), axis=-1)
    if sampling.temperature == 0:
        return jnp.argmax(logits, axis=-1)
    noise = jnp.vectorize(partial(jax.random.gumbel, shape=logits.shape[-1:]), signature="()->(v)")(keys)
    return jnp.argmax(truncate(logits / sampling.temperature, sampling) + noise, axis=-1)


def _distance(mean: Float[Array, "*b e"], codes: Float[Array, "v e"]) -> Float[Array, "*b v"]:
    """Squared distance of each code to a mean, up to what is the same for all codes."""
    return jnp.sum(jnp.square(codes), axis=-1) - 2 * mean @ codes.T


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
