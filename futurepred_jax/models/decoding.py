"""Autoregressive sampling with a key-value cache and speculative decoding.

A pass is bound by reading weights and cache, so a pass over a run of positions costs little more than over one. With a
draft of the next tokens the model samples at all positions of the run at once, each given the draft before it. Samples
are accepted up to and including the first that differs from its draft (speculative decoding, arXiv:2211.17192, with a
deterministic draft); the later ones become the next draft (arXiv:2305.10427). Every position has its own random key, so
the draft does not change the sampled tokens, up to rounding in matrix products of different sizes.
"""

import dataclasses
import math
from functools import partial

import jax
import jax.numpy as jnp
from einops import repeat
from flax import struct
from jaxtyping import Array, Bool, Float, Int
from jaxtyping import Key as Keys

from futurepred_jax.arrays import Key, Tokens
from futurepred_jax.models.cache import Cache, write_runs
from futurepred_jax.models.neighbours import at_places
from futurepred_jax.models.outlook import Guess, distances, guess_tokens
from futurepred_jax.models.sampling import Sampling, sample, token_nll
from futurepred_jax.models.transformer import UNCONDITIONED, Conditioning, Remembered, Transformer

PLAIN = Sampling()


@struct.dataclass
class Generated:
    """Continuations of contexts.

    Attributes:
        tokens: The sampled tokens.
        log_likelihood: Their log-likelihood in nats, summed over tokens, at temperature 1 without top-k or top-p.
        passes: Number of passes of the model that each continuation took; without a draft, one for each token.
    """

    tokens: Int[Array, "b m n g"]
    log_likelihood: Float[Array, "b m"]
    passes: Int[Array, "b m"]


@struct.dataclass
class _State:
    """Loop state: ``tokens`` are the context, the ``num_sampled`` tokens of each sample, and a draft of the others."""

    tokens: Int[Array, "b m n g"]
    cache: tuple[Cache, ...]
    num_sampled: Int[Array, "b m"]
    log_likelihood: Float[Array, "b m"]
    passes: Int[Array, "b m"]


def generate(
    transformer: Transformer,
    params: dict,
    context: Tokens,
    *,
    num_tokens: int,
    key: Key,
    sampling: Sampling = PLAIN,
    samples: int = 1,
    conditioning: Conditioning = UNCONDITIONED,
    draft: Int[Array, "b future g"] | None = None,
) -> Generated:
    """Samples continuations of contexts; each context is read once for all of its continuations.

    Args:
        transformer: The model.
        params: Its parameters.
        context: Tokens of the contexts, at least one for each.
        num_tokens: Number n of tokens to sample after a context.
        key: Random key; greedy sampling does not use it.
        sampling: How tokens are sampled.
        samples: Number m of continuations of each context.
        conditioning: What the model reads besides the tokens.
        memory: What a motion pathway saw, for a model with crossings.
        guess: Of the future, for a model with a past.
        draft: Draft of the continuation for ``sampling.draft`` positions in a pass; by default the nearest codes of the
            first guess or, without a guess, the last latent frame repeated.

    Raises:
        ValueError: If context and continuation are longer than the model's grid, or a number is below 1.
    """
    start, run = context.shape[1], max(1, sampling.draft)
    if min(start, num_tokens, samples) < 1:
        raise ValueError(f"context {start}, num_tokens {num_tokens}, samples {samples}: each must be at least 1")
    model = transformer.bind({"params": params})
    remembered = model.remember(conditioning)
    cache = model.prefill(context, samples=samples, length=num_tokens, run=run, remembered=remembered)
    if draft is None:
        draft = _draft_of(transformer, context, num_tokens, conditioning.guess)
    tokens = jnp.concatenate([context, draft], axis=1)
    tokens = jnp.pad(tokens, ((0, 0), (0, run), (0, 0)))  # the last run may extend beyond the end
    none = jnp.zeros((len(context), samples), jnp.int32)
    state = _State(
        tokens=repeat(tokens, "b n g -> b m n g", m=samples),
        cache=cache,
        num_sampled=none,
        log_likelihood=jnp.zeros(none.shape),
        passes=none,
    )
    decoder = _Decoder(transformer, params, remembered, conditioning.guess, key, sampling, start, num_tokens)
    if run == 1:
        state = jax.lax.fori_loop(0, num_tokens, lambda i, state: decoder.advance(state, 1, start + i), state)
    else:
        state = jax.lax.while_loop(decoder.unfinished, partial(decoder.advance, run=run), state)
    return Generated(state.tokens[..., start : start + num_tokens, :], state.log_likelihood, state.passes)


def _draft_of(transformer: Transformer, context: Tokens, num_tokens: int, guess: Guess | None) -> Array:
    """Returns a draft of the tokens after the context."""
    if guess is not None:
        rest = math.prod(transformer.grid) - context.shape[1]
        return guess_tokens(guess, transformer.sizes)[:, -rest:][:, :num_tokens]
    frame = math.prod(transformer.grid[1:])
    last = context[:, -frame:]
    return jnp.tile(last, (1, -(-num_tokens // last.shape[1]), 1))[:, :num_tokens]


@dataclasses.dataclass(frozen=True)
class _Decoder:
    transformer: Transformer
    params: dict
    remembered: Remembered
    guess: Guess | None
    key: Key
    sampling: Sampling
    start: int
    num_tokens: int

    def unfinished(self, state: _State) -> Bool[Array, ""]:
        """Returns whether any sample still lacks tokens."""
        return jnp.any(state.num_sampled < self.num_tokens)

    def advance(self, state: _State, run: int, place: Int[Array, ""] | None = None) -> _State:
        """Runs one pass, which adds to each sample the correctly drafted tokens and one more.

        Args:
            state: State before the pass.
            run: Number of positions of the pass.
            place: The position, where it is the same for all samples, which makes writing to the cache much cheaper.
        """
        first = self.start + state.num_sampled
        at = first if place is None else place
        out = self._model.step(state.tokens, at, state.cache, self.remembered, run=run)
        position = first[..., None] + jnp.arange(run)
        tokens, nll = self._sample(out.features, position)
        wrong = jnp.any(tokens != jax.vmap(jax.vmap(at_places))(state.tokens, position), axis=-1)
        wrong_before = jnp.cumsum(wrong, axis=-1) - wrong
        accepted = (wrong_before == 0) & (position < self.start + self.num_tokens)
        return _State(
            # samples that are not accepted are the next draft
            tokens=write_runs(state.tokens, tokens, at, axis=-2),
            cache=out.cache,
            num_sampled=state.num_sampled + jnp.sum(accepted, axis=-1),
            log_likelihood=state.log_likelihood - jnp.sum(nll, axis=-1, where=accepted),
            passes=state.passes + accepted[..., 0],
        )

    @property
    def _model(self) -> Transformer:
        return self.transformer.bind({"params": self.params})

    def _sample(
        self, features: Float[Array, "b m r d"], position: Int[Array, "b m r"]
    ) -> tuple[Int[Array, "b m r g"], Float[Array, "b m r"]]:
        """Samples a token at each position, digit by digit; returns it and its negative log-likelihood in nats."""
        model, keys, distance = self._model, self._keys(position), self._distances(position)
        token = jnp.zeros(keys.shape, jnp.int32)
        logits = []
        for i in range(keys.shape[-1]):
            logits.append(model.digit(features, token, i))
            digit = sample(logits[i], keys=keys[..., i], sampling=self.sampling, distance=distance[i])
            token = token.at[..., i].set(digit)
        return token, token_nll(jnp.stack(logits, axis=-2), token)

    def _distances(self, position: Int[Array, "b m r"]) -> list[Float[Array, "b m r v"] | None]:
        """Returns the distances of each digit's codes from the guess, or None where the guess has no weight."""
        sizes = self.transformer.sizes
        if self.guess is None or not self.sampling.guess_weight:
            return [None] * len(sizes)
        expected = self.guess.at(position - math.prod(self.transformer.grid))
        found = [distances(expected[..., i, :], self.guess.book[i, :size]) for i, size in enumerate(sizes)]
        return [jnp.pad(each, [(0, 0)] * 3 + [(0, max(sizes) - each.shape[-1])]) for each in found]

    def _keys(self, position: Int[Array, "b m r"]) -> Keys[Array, "b m r g"]:
        """Returns a key for each digit at each position of each sample, the same in every pass."""
        b, m, _ = position.shape
        digits = len(self.transformer.sizes)
        sample = jnp.arange(b * m).reshape(b, m, 1)
        token = sample * math.prod(self.transformer.grid) + position
        place = token[..., None] * digits + jnp.arange(digits)
        return jnp.vectorize(partial(jax.random.fold_in, self.key))(place)
