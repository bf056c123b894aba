"""Continuing token sequences with a cache, one token or a drafted run of them a pass.

Where weights and cache are what a pass reads, one over a run of positions costs little more than one over a single
position. So the next tokens are drafted, and the model draws at all positions of the run at once, each given the draft
before it. The draws count up to the first that differs from its draft, itself included (speculative decoding,
arXiv:2211.17192, by a draft that is sure of itself); those after it are the next draft (arXiv:2305.10427). What is
drawn at a place depends on the tokens before it and on a key of the place's own: the tokens are those of decoding one
after another, whatever the draft, as far as sums are the same in matrices of another size.
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
from futurepred_jax.models.crossing import Memory
from futurepred_jax.models.neighbours import at_places
from futurepred_jax.models.outlook import Guess, distances, guess_tokens
from futurepred_jax.models.sampling import Sampling, sample, token_nll
from futurepred_jax.models.transformer import Remembered, Transformer

PLAIN = Sampling()


@struct.dataclass
class Generated:
    """Continuations.

    Attributes:
        tokens: What was drawn.
        log_likelihood: In nats, summed over tokens, under the model at temperature 1, uncut.
        passes: Of the model, that each continuation took; without a draft, one a token.
    """

    tokens: Int[Array, "b m n g"]
    log_likelihood: Float[Array, "b m"]
    passes: Int[Array, "b m"]


@struct.dataclass
class _State:
    """``tokens`` begin with the context and ``drawn`` tokens of each sample; a draft of the others comes after."""

    tokens: Int[Array, "b m n g"]
    cache: tuple[Cache, ...]
    drawn: Int[Array, "b m"]
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
    memory: Memory | None = None,
    guess: Guess | None = None,
    draft: Int[Array, "b future g"] | None = None,
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
        draft: Of the continuation, where ``sampling.draft`` asks for runs; by default the nearest codes of the guess
            or, without one, the last latent frame again and again.

    Raises:
        ValueError: if context and continuation are longer than the model's grid, or there is nothing to do.
    """
    start, run = context.shape[1], max(1, sampling.draft)
    if min(start, num_tokens, samples) < 1:
        raise ValueError(f"context {start}, num_tokens {num_tokens}, samples {samples}: each must be at least 1")
    model = transformer.bind({"params": params})
    remembered = model.remember(memory, guess)
    cache = model.prefill(context, samples=samples, length=num_tokens, run=run, remembered=remembered)
    if draft is None:
        draft = _drafted(transformer, context, num_tokens, guess)
    tokens = jnp.concatenate([context, draft], axis=1)
    tokens = jnp.pad(tokens, ((0, 0), (0, run), (0, 0)))  # the last run may go beyond the end
    none = jnp.zeros((len(context), samples), jnp.int32)
    state = _State(
        tokens=repeat(tokens, "b n g -> b m n g", m=samples),
        cache=cache,
        drawn=none,
        log_likelihood=jnp.zeros(none.shape),
        passes=none,
    )
    decoder = _Decoder(transformer, params, remembered, guess, key, sampling, start, num_tokens)
    if run == 1:
        state = jax.lax.fori_loop(0, num_tokens, lambda i, state: decoder.advance(state, 1, start + i), state)
    else:
        state = jax.lax.while_loop(decoder.unfinished, partial(decoder.advance, run=run), state)
    return Generated(state.tokens[..., start : start + num_tokens, :], state.log_likelihood, state.passes)


def _drafted(transformer: Transformer, context: Tokens, num_tokens: int, guess: Guess | None) -> Array:
    """What is likely to follow, as far as it can be told at once."""
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
        """Whether a sample lacks tokens."""
        return jnp.any(state.drawn < self.num_tokens)

    def advance(self, state: _State, run: int, place: Int[Array, ""] | None = None) -> _State:
        """One pass: every sample has one token more at least, and as many as its draft had right before that.

        Where all samples are at the same place, saying so spares the cache much (``models.cache``).
        """
        first = self.start + state.drawn
        at = first if place is None else place
        out = self._model.step(state.tokens, at, state.cache, self.remembered, run=run)
        position = first[..., None] + jnp.arange(run)
        tokens, nll = self._draw(out.features, position)
        wrong = jnp.any(tokens != jax.vmap(jax.vmap(at_places))(state.tokens, position), axis=-1)
        wrong_before = jnp.cumsum(wrong, axis=-1) - wrong
        counts = (wrong_before == 0) & (position < self.start + self.num_tokens)
        return _State(
            # draws that do not count are the next draft
            tokens=write_runs(state.tokens, tokens, at, axis=-2),
            cache=out.cache,
            drawn=state.drawn + jnp.sum(counts, axis=-1),
            log_likelihood=state.log_likelihood - jnp.sum(nll, axis=-1, where=counts),
            passes=state.passes + counts[..., 0],
        )

    @property
    def _model(self) -> Transformer:
        return self.transformer.bind({"params": self.params})

    def _draw(
        self, features: Float[Array, "b m r d"], position: Int[Array, "b m r"]
    ) -> tuple[Int[Array, "b m r g"], Float[Array, "b m r"]]:
        """A token for each position, digit by digit, and its negative log-likelihood."""
        model, keys, distance = self._model, self._keys(position), self._distances(position)
        token = jnp.zeros(keys.shape, jnp.int32)
        logits = []
        for i in range(keys.shape[-1]):
            logits.append(model.digit(features, token, i))
            drawn = sample(logits[i], keys=keys[..., i], sampling=self.sampling, distance=distance[i])
            token = token.at[..., i].set(drawn)
        return token, token_nll(jnp.stack(logits, axis=-2), token)

    def _distances(self, position: Int[Array, "b m r"]) -> list[Float[Array, "b m r v"] | None]:
        """Of the codes of each digit from what the guess expects, where it counts."""
        sizes = self.transformer.sizes
        if self.guess is None or not self.sampling.guess_weight:
            return [None] * len(sizes)
        expected = self.guess.at(position - math.prod(self.transformer.grid))
        found = [distances(expected[..., i, :], self.guess.book[i, :size]) for i, size in enumerate(sizes)]
        return [jnp.pad(each, [(0, 0)] * 3 + [(0, max(sizes) - each.shape[-1])]) for each in found]

    def _keys(self, position: Int[Array, "b m r"]) -> Keys[Array, "b m r g"]:
        """A key for each digit at each position of each sample, whichever pass draws it."""
        b, m, _ = position.shape
        digits = len(self.transformer.sizes)
        sample = jnp.arange(b * m).reshape(b, m, 1)
        token = sample * math.prod(self.transformer.grid) + position
        place = token[..., None] * digits + jnp.arange(digits)
        return jnp.vectorize(partial(jax.random.fold_in, self.key))(place)
