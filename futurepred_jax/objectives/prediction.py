"""Training a predictor on tokens: the likelihood of the future given the context."""

import dataclasses
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from einops import rearrange
from jaxtyping import Array, Float, Integer, PyTree
from jaxtyping import Key as Keys

from futurepred_jax.arrays import Frames, Key, Logits, Tokens, Video
from futurepred_jax.models.crossing import Memory
from futurepred_jax.models.outlook import Guess, Outlook
from futurepred_jax.models.transformer import Transformer
from futurepred_jax.objectives.chunks import in_chunks
from futurepred_jax.objectives.loss import Loss
from futurepred_jax.pixels import to_signed

Scores = dict[str, Float[Array, "b rest"]]
"""Of each token, over its digits: ``nll`` in nats, squared ``normaliser``, and if it is ``correct``."""


@dataclasses.dataclass(frozen=True)
class PredictionObjective:
    """Cross-entropy of the future tokens, with a z-loss that keeps the normaliser near one (PaLM §5).

    Batches have ``tokens``, integers [b lt lh lw g], the whole clip's, and for a first guess
    ``context``, the noisy context frames, uint8 [b past h w 3]. The guess stays as it was trained: its variables are
    model state, ``outlook``.

    Attributes:
        model: the Transformer.
        context: latent frames of the context.
        outlook: what makes the first guess for a model with a past.
        foresight: its trained variables; random ones without them.
        codes: vectors that the model's codes start as, the tokenizer's; random ones without them.
        corruption: in training, the share of context tokens replaced by random ones is uniform in [0, corruption] for
            each clip, so that the model learns to doubt what it is given.
        self_sampled: in training, the share of tokens after the context's first frame that are replaced by the model's
            own draws is uniform in [0, self_sampled] for each clip, so that it learns to go on from what it draws
            itself (scheduled sampling in one pass, arXiv:1906.04331); it costs a forward pass.
        context_weight: of the context's own tokens (after its first frame) in the loss, beside the future's 1.
        z_weight: of the z-loss.
        accumulate: turns in which a batch goes through the model.
    """

    model: Transformer
    context: int
    outlook: Outlook | None = None
    foresight: PyTree | None = None
    codes: Float[Array, "g v d"] | None = None
    corruption: float = 0.0
    self_sampled: float = 0.0
    context_weight: float = 0.0
    z_weight: float = 1e-4
    accumulate: int = 1

    @property
    def first(self) -> int:
        """First token in the loss: after the first frame where the context has a weight, else the future's."""
        frames = 1 if self.context_weight else self.context
        return frames * self.model.grid[1] * self.model.grid[2]

    def init(self, key: Key, memory: Memory | None = None) -> tuple[PyTree, PyTree]:
        """Parameters, and what makes the first guess."""
        lt, lh, lw = self.model.grid
        tokens, state = jnp.zeros((1, lt * lh * lw, len(self.model.sizes)), jnp.int32), {}
        guess = None
        if self.outlook is not None:
            seen = blank_context(self.outlook)
            found = self.foresight or self.outlook.init(jax.random.fold_in(key, 2), seen)
            state = {"outlook": jax.tree.map(jnp.asarray, found)}
            guess = self.outlook.apply(state["outlook"], seen)
        params: Any = self.model.init(key, tokens, memory=memory, guess=guess)["params"]
        return (params if self.codes is None else {**params, "codes": self.codes}), state

    def guess(self, model_state: PyTree, context: Frames | None = None) -> Guess | None:
        """The first guess after the context of clips."""
        if self.outlook is None or context is None:
            return None
        return self.outlook.apply(model_state["outlook"], to_signed(context))  # pyright: ignore[reportReturnType]

    def loss(self, params: PyTree, model_state: PyTree, batch: PyTree, *, key: Key, step: Array) -> Loss:
        """The objective on a batch."""
        del step
        tokens, context = flat(batch["tokens"]), [batch["context"]] if "context" in batch else []

        def score(seen: Tokens, tokens: Tokens, keys: Keys[Array, "b"], *context: Frames) -> Scores:
            guess = self.guess(model_state, *context)
            seen = self.redrawn(params, seen, keys, guess=guess)
            return self.scores(self.logits(params, seen, guess=guess), tokens)

        seen = self.corrupted(tokens, key)
        keys = self.row_keys(key, len(tokens))
        value, metrics = self.reduced(in_chunks(score, self.accumulate, seen, tokens, keys, *context))
        return Loss(value, model_state, metrics)

    def validate(self, params: PyTree, model_state: PyTree, batch: PyTree) -> dict[str, Array]:
        """Held-out likelihood of the future under the uncorrupted context."""
        return self.held_out(params, model_state, batch)

    def logits(
        self,
        params: PyTree,
        tokens: Tokens,
        *,
        memory: Memory | None = None,
        guess: Guess | None = None,
        first: int | None = None,
    ) -> Float[Array, "b rest g v"]:
        """Those of the tokens from ``first`` on, by default of all in the loss."""
        first = self.first if first is None else first
        return self.model.apply({"params": params}, tokens, first=first, memory=memory, guess=guess)  # pyright: ignore

    def scores(self, logits: Float[Array, "b rest g v"], tokens: Tokens) -> Scores:
        """Of every token in the loss, given all tokens as they truly are."""
        return _token_scores(logits, tokens[:, self.first :])

    def reduced(self, scores: Scores) -> tuple[Float[Array, ""], dict[str, Array]]:
        """The objective on a batch, and scalars to log."""
        lt, lh, lw = self.model.grid
        is_future = jnp.arange(self.first, lt * lh * lw) >= self.context * lh * lw
        weight = jnp.where(is_future, 1.0, self.context_weight)
        mean = lambda values, weight: jnp.sum(values * weight) / (jnp.sum(weight) * values.shape[0])  # noqa: E731
        nll = mean(scores["nll"], is_future)
        value = mean(scores["nll"] + self.z_weight * scores["normaliser"], weight)
        return value, {"nll": nll, "accuracy": mean(scores["correct"], is_future)}

    def held_out(
        self, params: PyTree, model_state: PyTree, batch: PyTree, *, memory: Memory | None = None
    ) -> dict[str, Array]:
        """Likelihood of the future of a batch under the uncorrupted context."""
        tokens = flat(batch["tokens"])
        first = self.context * self.model.grid[1] * self.model.grid[2]
        guess = self.guess(model_state, batch.get("context"))
        logits = self.logits(params, tokens, memory=memory, guess=guess, first=first)
        scores = _token_scores(logits, tokens[:, first:])
        nll = jnp.mean(scores["nll"])
        return {"loss": nll, "bits_per_token": nll / jnp.log(2.0), "accuracy": jnp.mean(scores["correct"])}

    def row_keys(self, key: Key, rows: int) -> Keys[Array, "b"]:
        """Returns a key for each clip, for ``redrawn``; ``corrupted`` may be given ``key`` itself."""
        return jax.random.split(jax.random.fold_in(key, 3), rows)  # split(key, 3) are 0, 1 and 2 folded in

    def redrawn(
        self,
        params: PyTree,
        tokens: Tokens,
        keys: Keys[Array, "b"],
        *,
        memory: Memory | None = None,
        guess: Guess | None = None,
    ) -> Tokens:
        """Tokens with some after the context's first frame as the model draws them, each given those before it here."""
        if not self.self_sampled:
            return tokens
        frame = self.model.grid[1] * self.model.grid[2]
        draw_keys, share_keys, where_keys = jnp.moveaxis(jax.vmap(partial(jax.random.split, num=3))(keys), 1, 0)
        share = jax.vmap(partial(jax.random.uniform, maxval=self.self_sampled))(share_keys)
        hit = jax.vmap(partial(jax.random.uniform, shape=(tokens.shape[1] - frame,)))(where_keys) < share[:, None]
        read = {"first": frame, "memory": memory, "guess": guess, "method": "redraw"}
        drawn: Any = self.model.apply({"params": jax.lax.stop_gradient(params)}, tokens, draw_keys, **read)
        return tokens.at[:, frame:].set(jnp.where(hit[..., None], drawn, tokens[:, frame:]))

    def corrupted(self, tokens: Tokens, key: Key) -> Tokens:
        """Tokens as they are shown in training."""
        share_key, where_key, what_key = jax.random.split(key, 3)
        b, n, _ = tokens.shape
        share = jax.random.uniform(share_key, (b, 1), maxval=self.corruption)
        in_context = jnp.arange(n) < self.context * self.model.grid[1] * self.model.grid[2]
        hit = (jax.random.uniform(where_key, (b, n)) < share) & in_context
        noise = jax.random.randint(what_key, tokens.shape, 0, jnp.asarray(self.model.sizes))
        return jnp.where(hit[..., None], noise, tokens)


def blank_context(outlook: Outlook) -> Video:
    """One clip of the shape that an outlook looks at."""
    return jnp.zeros((1, *outlook.context, 3))


def flat(tokens: Integer[Array, "b lt lh lw g"]) -> Tokens:
    """A grid of tokens in raster order."""
    return rearrange(tokens.astype(jnp.int32), "b lt lh lw g -> b (lt lh lw) g")


def _token_scores(logits: Logits, tokens: Tokens) -> Scores:
    """Of each token, over its digits: nats, squared log-normalisers, and whether the likeliest are the true ones."""
    normaliser = jax.nn.logsumexp(logits, axis=-1)
    chosen = jnp.take_along_axis(logits, tokens[..., None], axis=-1)[..., 0]
    correct = jnp.all(chosen == logits.max(axis=-1), axis=-1)  # XLA finds a place slowly on CPU
    return {
        "nll": jnp.sum(normaliser - chosen, axis=-1),
        "normaliser": jnp.sum(jnp.square(normaliser), axis=-1),
        "correct": correct.astype(jnp.float32),
    }
