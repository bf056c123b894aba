"""Continuing token sequences: sampling with a cache, and the exact likelihood of tokens."""

import dataclasses
import math

import jax
import jax.numpy as jnp
from einops import repeat
from flax import struct
from jaxtyping import Array, Float, Int

from futurepred_jax.arrays import Key, Tokens
from futurepred_jax.models.attention import MASKED
from futurepred_jax.models.cache import Cache
from futurepred_jax.models.crossing import Memory
from futurepred_jax.models.outlook import Guess, Place
from futurepred_jax.models.transformer import Transformer


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
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    minimum_risk: bool = False
    guess_share: float = 0.0

    def __post_init__(self) -> None:
        if self.temperature < 0 or self.top_k < 0 or not 0 < self.top_p <= 1:
            raise ValueError(f"{self}: needs temperature >= 0, top_k >= 0 (0: no cut) and 0 < top_p <= 1 (1: no cut)")
        if not 0 <= self.guess_share <= 1:
            raise ValueError(f"{self}: guess_share is a share, in [0, 1]")
        if self.minimum_risk and self.temperature > 0:
            raise ValueError(f"{self}: minimum_risk draws nothing at random: set temperature to 0")


@struct.dataclass
class Generated:
    """Continuations and their log-likelihood (nats, summed over tokens) under the model at temperature 1, uncut."""

    tokens: Int[Array, "b m n g"]
    log_likelihood: Float[Array, "b m"]


@struct.dataclass
class _State:
    tokens: Int[Array, "b m n g"]
    cache: tuple[Cache, ...]
    log_likelihood: Float[Array, "b m"]


def generate(
    transformer: Transformer,
    params: dict,
    context: Tokens,
    *,
    num_tokens: int,
    key: Key,
    sampling: Sampling = Sampling(),
    samples: int = 1,
    memory: Memory | None = None,
    guess: Guess | None = None,
) -> Generated:
    """Draws ``samples`` continuations of ``num_tokens`` tokens for each context, which is read once for all of them.

    Args:
        transformer: The model.
        params: Its parameters.
        context: At least one token a row.
        num_tokens: Tokens to draw after the context.
        key: Of the draws; not used by greedy sampling.
        sampling: The rule of drawing.
        samples: Continuations ``m`` a context.
        memory: What a motion pathway saw, for a model with crossings.
        guess: Of the future, for a model with a past.

    Raises:
        ValueError: if context and continuation are longer than the model's grid, or there is nothing to do.
    """
    start = context.shape[1]
    if min(start, num_tokens, samples) < 1:
        raise ValueError(f"context {start}, num_tokens {num_tokens}, samples {samples}: each must be at least 1")

    remembered = _bind(transformer, params).remember(memory, guess)
    cache = _bind(transformer, params).prefill(context, samples=samples, length=num_tokens, remembered=remembered)
    tokens = repeat(jnp.pad(context, ((0, 0), (0, num_tokens), (0, 0))), "b n g -> b m n g", m=samples)
    state = _State(tokens=tokens, cache=cache, log_likelihood=jnp.zeros(tokens.shape[:2]))

    def step(state: _State, now: tuple[Int[Array, ""], Key]) -> tuple[_State, None]:
        position, key = now
        out = _bind(transformer, params).step(state.tokens, position, state.cache, remembered)
        ahead = None if guess is None else guess.at(position - math.prod(transformer.grid))
        token, nll = _draw(_bind(transformer, params), out.features, key, sampling, ahead)
        tokens = jax.lax.dynamic_update_index_in_dim(state.tokens, token, position, axis=-2)
        return _State(tokens=tokens, cache=out.cache, log_likelihood=state.log_likelihood - nll), None

    positions = start + jnp.arange(num_tokens)
    state, _ = jax.lax.scan(step, state, (positions, jax.random.split(key, num_tokens)))
    return Generated(tokens=state.tokens[..., start:, :], log_likelihood=state.log_likelihood)


def _draw(
    model: Transformer, features: Float[Array, "b m d"], key: Key, sampling: Sampling, guess: Place | None
) -> tuple[Int[Array, "b m g"], Float[Array, "b m"]]:
    """One token of each sample, digit by digit, and its negative log-likelihood."""
    digits = len(model.sizes)
    token = jnp.zeros((*features.shape[:-1], digits), jnp.int32)
    logits = []
    for i, digit_key in enumerate(jax.random.split(key, digits)):
        logits.append(model.digit(features, token, i))
        codes, mean = (model.codes[i], None) if guess is None else (guess.book[i], guess.codes[:, None, i])
        token = token.at[..., i].set(sample(logits[i], codes, key=digit_key, sampling=sampling, guess=mean))
    return token, token_nll(jnp.stack(logits, axis=-2), token)


def _bind(transformer: Transformer, params: dict) -> Transformer:
    return transformer.bind({"params": params})


def sample(
    logits: Float[Array, "*b v"],
    codes: Float[Array, "v e"],
    *,
    key: Key,
    sampling: Sampling,
    guess: Float[Array, "*#b e"] | None = None,
) -> Int[Array, "*b"]:
    """Draws a digit from each row of logits.

    Args:
        logits: Of the codes.
        codes: The vectors between which distances are measured.
        key: Of the draw.
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
    return jax.random.categorical(key, truncate(logits / sampling.temperature, sampling))


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
