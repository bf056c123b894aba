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
from futurepred_jax.models.transformer import UNCONDITIONED, Conditioning, Transformer
from futurepred_jax.objectives.chunks import in_chunks
from futurepred_jax.objectives.loss import Loss
from futurepred_jax.pixels import to_signed

Scores = dict[str, Float[Array, "b rest"]]
"""Scores of each token: its ``nll`` in nats, the squared ``normaliser`` of its logits, and 1 if it is ``correct``."""


@dataclasses.dataclass(frozen=True)
class PredictionObjective:
    """Cross-entropy of the future tokens, with a z-loss that keeps the normaliser near one (PaLM §5).

    Batches have the ``tokens`` of whole clips, integers [b lt lh lw g], and for a first guess the noisy frames of their
    contexts, ``context``, uint8 [b t h w 3]. The outlook is not trained: its variables are the model state ``outlook``.

    Attributes:
        model: The Transformer.
        context_latents: Number of latent frames of the context.
        outlook: Network of the first guess, for a Transformer that reads one.
        outlook_variables: Trained variables of the outlook; None for random ones.
        codes: Vectors of the tokenizer's codes, which the model's codes start from; None for random ones.
        corruption: Bound in [0, 1]. In training, a share of the context's tokens is replaced by random ones, and the
            share is uniform in [0, corruption] for each clip. This makes the model robust to errors in the context.
        self_sampled: Bound in [0, 1]. In training, a share of the tokens after the context's first frame is replaced by
            samples of the model, and the share is uniform in [0, self_sampled] for each clip (scheduled sampling in one
            pass, arXiv:1906.04331). It takes a second forward pass.
        context_weight: Weight in the loss of the context's tokens after its first frame; the future's weight is 1.
        z_weight: Factor of the z-loss.
        accumulate: Number of turns in which a batch goes through the model.
    """

    model: Transformer
    context_latents: int
    outlook: Outlook | None = None
    outlook_variables: PyTree | None = None
    codes: Float[Array, "g v d"] | None = None
    corruption: float = 0.0
    self_sampled: float = 0.0
    context_weight: float = 0.0
    z_weight: float = 1e-4
    accumulate: int = 1

    @property
    def first(self) -> int:
        """Index of the first token in the loss: after the first frame if the context has a weight, else after it."""
        frames = 1 if self.context_weight else self.context_latents
        return frames * self.model.grid[1] * self.model.grid[2]

    def init(self, key: Key, memory: Memory | None = None) -> tuple[PyTree, PyTree]:
        """Returns the Transformer's parameters, and the outlook's variables as model state."""
        lt, lh, lw = self.model.grid
        tokens, state = jnp.zeros((1, lt * lh * lw, len(self.model.sizes)), jnp.int32), {}
        guess: Any = None
        if self.outlook is not None:
            seen = blank_context(self.outlook)
            found = self.outlook_variables or self.outlook.init(jax.random.fold_in(key, 2), seen)
            state = {"outlook": jax.tree.map(jnp.asarray, found)}
            guess = self.outlook.apply(state["outlook"], seen)
        params: Any = self.model.init(key, tokens, Conditioning(memory, guess))["params"]
        return (params if self.codes is None else {**params, "codes": self.codes}), state

    def guess(self, model_state: PyTree, context: Frames | None = None) -> Guess | None:
        """Returns the first guess after context frames, or None without an outlook or context."""
        if self.outlook is None or context is None:
            return None
        return self.outlook.apply(model_state["outlook"], to_signed(context))  # pyright: ignore[reportReturnType]

    def loss(self, params: PyTree, model_state: PyTree, batch: PyTree, *, key: Key, step: Array) -> Loss:
        """Returns the objective on a batch."""
        del step
        tokens, context = flat(batch["tokens"]), [batch["context"]] if "context" in batch else []

        def score(seen: Tokens, tokens: Tokens, keys: Keys[Array, "b"], *context: Frames) -> Scores:
            conditioning = Conditioning(guess=self.guess(model_state, *context))
            seen = self.self_sample(params, seen, keys, conditioning)
            return self.scores(self.logits(params, seen, conditioning), tokens)

        seen = self.corrupt(tokens, key)
        keys = self.row_keys(key, len(tokens))
        value, metrics = self.reduced(in_chunks(score, self.accumulate, seen, tokens, keys, *context))
        return Loss(value, model_state, metrics)

    def validate(self, params: PyTree, model_state: PyTree, batch: PyTree) -> dict[str, Array]:
        """Returns held-out scores of the future, given the uncorrupted context."""
        return self.held_out(params, model_state, batch)

    def logits(
        self,
        params: PyTree,
        tokens: Tokens,
        conditioning: Conditioning = UNCONDITIONED,
        *,
        first: int | None = None,
    ) -> Float[Array, "b rest g v"]:
        """Returns the logits of tokens.

        Args:
            params: Parameters of the Transformer.
            tokens: Tokens of whole clips.
            conditioning: What the Transformer reads besides the tokens.
            first: First token whose logits are returned; by default the first one in the loss.
        """
        first = self.first if first is None else first
        return self.model.apply({"params": params}, tokens, conditioning, first=first)  # pyright: ignore

    def scores(self, logits: Float[Array, "b rest g v"], tokens: Tokens) -> Scores:
        """Returns the scores of the true ``tokens`` under logits of all tokens in the loss."""
        return _token_scores(logits, tokens[:, self.first :])

    def reduced(self, scores: Scores) -> tuple[Float[Array, ""], dict[str, Array]]:
        """Returns the objective on a batch, and scalars to log, from the scores of its tokens."""
        lt, lh, lw = self.model.grid
        is_future = jnp.arange(self.first, lt * lh * lw) >= self.context_latents * lh * lw
        weight = jnp.where(is_future, 1.0, self.context_weight)
        mean = lambda values, weight: jnp.sum(values * weight) / (jnp.sum(weight) * values.shape[0])  # noqa: E731
        nll = mean(scores["nll"], is_future)
        value = mean(scores["nll"] + self.z_weight * scores["normaliser"], weight)
        return value, {"nll": nll, "accuracy": mean(scores["correct"], is_future)}

    def held_out(
        self, params: PyTree, model_state: PyTree, batch: PyTree, *, memory: Memory | None = None
    ) -> dict[str, Array]:
        """Returns held-out scores of the future, given the uncorrupted context.

        Args:
            params: Parameters of the Transformer.
            model_state: Variables of the outlook.
            batch: A batch, as for ``loss``.
            memory: Features of motion pathways, for a Transformer with crossings.
        """
        tokens = flat(batch["tokens"])
        first = self.context_latents * self.model.grid[1] * self.model.grid[2]
        conditioning = Conditioning(memory, self.guess(model_state, batch.get("context")))
        logits = self.logits(params, tokens, conditioning, first=first)
        scores = _token_scores(logits, tokens[:, first:])
        nll = jnp.mean(scores["nll"])
        return {"loss": nll, "bits_per_token": nll / jnp.log(2.0), "accuracy": jnp.mean(scores["correct"])}

    def row_keys(self, key: Key, rows: int) -> Keys[Array, "b"]:
        """Returns a key for each clip, for ``self_sample``; ``corrupt`` may be given ``key`` itself."""
        return jax.random.split(jax.random.fold_in(key, 3), rows)  # split(key, 3) are 0, 1 and 2 folded in

    def self_sample(
        self,
        params: PyTree,
        tokens: Tokens,
        keys: Keys[Array, "b"],
        conditioning: Conditioning = UNCONDITIONED,
    ) -> Tokens:
        """Replaces some tokens after the context's first frame by samples of the model (``self_sampled``).

        Args:
            params: Parameters of the Transformer.
            tokens: Tokens of whole clips; each sample is given those before it.
            keys: A random key for each clip, from ``row_keys``.
            conditioning: What the Transformer reads besides the tokens.
        """
        if not self.self_sampled:
            return tokens
        frame = self.model.grid[1] * self.model.grid[2]
        sample_keys, share_keys, where_keys = jnp.moveaxis(jax.vmap(partial(jax.random.split, num=3))(keys), 1, 0)
        share = jax.vmap(partial(jax.random.uniform, maxval=self.self_sampled))(share_keys)
        replaced = jax.vmap(partial(jax.random.uniform, shape=(tokens.shape[1] - frame,)))(where_keys) < share[:, None]
        variables = {"params": jax.lax.stop_gradient(params)}
        sampled: Any = self.model.apply(variables, tokens, sample_keys, conditioning, first=frame, method="redraw")
        return tokens.at[:, frame:].set(jnp.where(replaced[..., None], sampled, tokens[:, frame:]))

    def corrupt(self, tokens: Tokens, key: Key) -> Tokens:
        """Replaces some tokens of the context by random ones (``corruption``)."""
        share_key, where_key, what_key = jax.random.split(key, 3)
        b, n, _ = tokens.shape
        share = jax.random.uniform(share_key, (b, 1), maxval=self.corruption)
        in_context = jnp.arange(n) < self.context_latents * self.model.grid[1] * self.model.grid[2]
        replaced = (jax.random.uniform(where_key, (b, n)) < share) & in_context
        noise = jax.random.randint(what_key, tokens.shape, 0, jnp.asarray(self.model.sizes))
        return jnp.where(replaced[..., None], noise, tokens)


def blank_context(outlook: Outlook) -> Video:
    """Returns zeros in the shape of one context of an outlook."""
    return jnp.zeros((1, *outlook.context_shape, 3))


def flat(tokens: Integer[Array, "b lt lh lw g"]) -> Tokens:
    """Flattens a grid of tokens in raster order."""
    return rearrange(tokens.astype(jnp.int32), "b lt lh lw g -> b (lt lh lw) g")


def _token_scores(logits: Logits, tokens: Tokens) -> Scores:
    """Returns the scores of tokens, summed over their digits."""
    normaliser = jax.nn.logsumexp(logits, axis=-1)
    chosen = jnp.take_along_axis(logits, tokens[..., None], axis=-1)[..., 0]
    correct = jnp.all(chosen == logits.max(axis=-1), axis=-1)  # argmax is slow on CPU
    return {
        "nll": jnp.sum(normaliser - chosen, axis=-1),
        "normaliser": jnp.sum(jnp.square(normaliser), axis=-1),
        "correct": correct.astype(jnp.float32),
    }
