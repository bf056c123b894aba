"""A trained tokenizer and a trained Transformer together: context frames in, future frames out.

A future longer than the Transformer's grid is sampled window by window (sliding-window rollout). The context of each
further window is made as in training: its first frame is encoded alone, and the last sampled tokens follow it
unchanged. The tokenizer's decoder keeps its state from one window to the next, so that there is no seam in the frames.
The Transformer sees nothing before the context of its window, so an object that is hidden for longer is forgotten.
Likelihoods are those of each window given its context. ``docs/results.md`` has measurements at the borders of windows.
"""

import dataclasses
import math
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from einops import rearrange
from flax import struct
from jaxtyping import Array, Bool, Float, Int, PyTree

from futurepred_jax.arrays import Key, Logits, TokenGrid, Tokens, Video
from futurepred_jax.models.codes import argmax
from futurepred_jax.models.crossing import gates
from futurepred_jax.models.decoding import generate
from futurepred_jax.models.outlook import guess_tokens
from futurepred_jax.models.parts import MotionModel, OutlookModel, TokenizerModel
from futurepred_jax.models.sampling import Sampling, token_nll
from futurepred_jax.models.transformer import Conditioning, Transformer


@struct.dataclass
class Prediction:
    """One future of each context of a batch.

    Attributes:
        video: Frames in [-1, 1].
        tokens: The tokens that the frames were decoded from.
        log_likelihood: log p(tokens | context) in nats.
        passes: Number of passes of the Transformer, each over one position or over a drafted run of positions.
    """

    video: Video
    tokens: TokenGrid
    log_likelihood: Float[Array, "b"]
    passes: Int[Array, "b"]


@struct.dataclass
class Futures:
    """Futures of each context, ``m`` of them.

    Attributes:
        video: Frames, in [-1, 1] from ``PredictorModel`` and in [0, 1] from the public ``futurepred_jax.Predictor``.
        tokens: The tokens that the frames were decoded from.
        log_likelihood: log p(tokens | context) in nats.
        passes: Number of passes of the Transformer, each over one position or over a drafted run of positions.
    """

    video: Float[Array, "b m n h w c"]
    tokens: Int[Array, "b m lt lh lw g"]
    log_likelihood: Float[Array, "b m"]
    passes: Int[Array, "b m"]


@struct.dataclass
class Scored:
    """The model's probabilities of a given future, token by token, at each of ``k`` temperatures.

    Attributes:
        nll: Negative log-likelihood of each token in nats.
        correct: Whether every digit of the true token is the likeliest one, given the digits before it.
        confidence: Probability of the likeliest value of each digit.
        hit: Whether the likeliest value of each digit is the true one.
    """

    nll: Float[Array, "b n k"]
    correct: Bool[Array, "b n"]
    confidence: Float[Array, "b n g k"]
    hit: Bool[Array, "b n g"]


@struct.dataclass
class _Rollout:
    """Context and future sampled so far, one row for each future; ``past`` is the state of the tokenizer's decoder."""

    frames: Video
    tokens: TokenGrid
    past: PyTree
    log_likelihood: Float[Array, "b"]
    passes: Int[Array, "b"]


class _Context(NamedTuple):
    """The context of one window: its tokens, its frames, and the frames for the motion pathways."""

    tokens: TokenGrid
    frames: Video
    watched: Video


@dataclasses.dataclass(frozen=True)
class PredictorModel:
    """A tokenizer and the Transformer that was trained on its tokens.

    Attributes:
        tokenizer: The tokenizer.
        transformer: The Transformer's module.
        params: The Transformer's parameters.
        outlook: The network of the first guess, for a Transformer that reads one.
        motion: The motion pathways, for a Transformer with crossings.
    """

    tokenizer: TokenizerModel
    transformer: Transformer
    params: PyTree
    outlook: OutlookModel | None = None
    motion: MotionModel | None = None

    @property
    def gates(self) -> dict[str, float]:
        """Value of the gate of each crossing, in (-1, 1)."""
        return {name: float(value) for name, value in gates(self.params).items()}

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of codes of each digit of a token."""
        return self.tokenizer.sizes

    def tokenize(self, video: Video) -> TokenGrid:
        """Returns the tokens of frames in [-1, 1], as ``TokenizerModel.tokenize`` does."""
        return self.tokenizer.tokenize(video)

    def reconstruct(self, video: Video) -> Video:
        """Returns frames in [-1, 1] after encoding and decoding them."""
        return self.tokenizer.reconstruct(video)

    def predict(
        self, context: Video, *, num_frames: int, key: Key, sampling: Sampling, watched: Video | None = None
    ) -> Prediction:
        """Samples one future of each context; the arguments are those of ``futures``."""
        found = self.futures(context, num_frames=num_frames, samples=1, key=key, sampling=sampling, watched=watched)
        return Prediction(found.video[:, 0], found.tokens[:, 0], found.log_likelihood[:, 0], found.passes[:, 0])

    def futures(
        self,
        context: Video,
        *,
        num_frames: int,
        samples: int,
        key: Key,
        sampling: Sampling,
        watched: Video | None = None,
    ) -> Futures:
        """Samples futures of each context. The Transformer reads the context once for all of them.

        Of a context of n frames the last ``1 + s ⌊(n − 1) / s⌋`` are used, where s is the tokenizer's stride in time.

        Args:
            context: Context frames in [-1, 1].
            num_frames: Number n of future frames; ``⌈num_frames / s⌉`` latent frames are sampled. Frames beyond the
                Transformer's grid are sampled window by window, as the module's documentation describes.
            samples: Number m of futures of each context.
            key: Random key of the samples.
            sampling: How tokens are sampled.
            watched: Frames for the motion pathways in place of the context, for ablations.

        Returns:
            The futures, with frames in [-1, 1].

        Raises:
            ValueError: If ``num_frames`` or ``samples`` is below 1, or if a Transformer without ``context_latents`` is
                asked for more frames than its grid has.
        """
        if min(num_frames, samples) < 1:
            raise ValueError(f"{samples} futures of {num_frames} frames: ask for at least 1 of each")
        context = self._usable(context)
        rollout = self._start(context)
        shown, wanted = rollout.tokens.shape[1], math.ceil(num_frames / self.tokenizer.module.stride[0])
        window = _Context(rollout.tokens, context, context if watched is None else self._usable(watched))
        rollout = self._extend(rollout, window, wanted, samples=samples, key=key, sampling=sampling)
        while (left := shown + wanted - rollout.tokens.shape[1]) > 0:
            key = jax.random.fold_in(key, left)
            rollout = self._extend(rollout, self._next_context(rollout), left, samples=1, key=key, sampling=sampling)
        video = rollout.frames[:, context.shape[1] :][:, :num_frames]
        rows = (video, rollout.tokens[:, shown:], rollout.log_likelihood, rollout.passes)
        return Futures(*(rearrange(each, "(b m) ... -> b m ...", m=samples) for each in rows))

    def _start(self, context: Video) -> _Rollout:
        tokens = self.tokenize(context)
        _, past = self.tokenizer.decode_next(tokens)
        return _Rollout(context, tokens, past, jnp.zeros(len(context)), jnp.zeros(len(context), jnp.int32))

    def _extend(
        self, rollout: _Rollout, window: _Context, latent_frames: int, *, samples: int, **options: Any
    ) -> _Rollout:
        """Appends up to ``latent_frames`` latent frames, as far as the grid goes; each row becomes ``samples`` rows."""
        if self.transformer.context_latents:
            latent_frames = min(latent_frames, max(1, self.transformer.grid[0] - window.tokens.shape[1]))
        new, log_likelihood, passes = self._sample_tokens(window, latent_frames, samples=samples, **options)
        rollout = jax.tree.map(partial(jnp.repeat, repeats=samples, axis=0), rollout)
        video, past = self.tokenizer.decode_next(new, rollout.past)
        frames, tokens = (jnp.concatenate(pair, axis=1) for pair in ((rollout.frames, video), (rollout.tokens, new)))
        return _Rollout(frames, tokens, past, rollout.log_likelihood + log_likelihood, rollout.passes + passes)

    def _sample_tokens(
        self, window: _Context, latent_frames: int, *, samples: int, key: Key, sampling: Sampling
    ) -> tuple[Int[Array, "rows new lh lw g"], Float[Array, "rows"], Int[Array, "rows"]]:
        """Returns the sampled tokens after a context, their log-likelihood and the number of passes."""
        (lh, lw), tokens = window.tokens.shape[2:4], _flat(window.tokens)
        new = _continue(
            self.transformer,
            self.params,
            tokens,
            num_tokens=latent_frames * lh * lw,
            key=key,
            sampling=sampling,
            samples=samples,
            conditioning=self._conditioning(window.frames, window.watched),
        )
        tokens = rearrange(new.tokens, "b m (lt lh lw) g -> (b m) lt lh lw g", lh=lh, lw=lw)
        return tokens, rearrange(new.log_likelihood, "b m -> (b m)"), rearrange(new.passes, "b m -> (b m)")

    def _next_context(self, rollout: _Rollout) -> _Context:
        """Returns the context of the next window: its first frame encoded alone, then the last tokens unchanged."""
        kept = self.transformer.context_latents - 1
        seen = rollout.frames[:, -(1 + kept * self.tokenizer.module.stride[0]) :]
        tokens = rollout.tokens[:, rollout.tokens.shape[1] - kept :]
        return _Context(jnp.concatenate([self.tokenize(seen[:, :1]), tokens], axis=1), seen, seen)

    def first_guess(self, context: Video, *, num_frames: int) -> Float[Array, "b n h w c"] | None:
        """Returns the decoded frames of the first guess, in [-1, 1], or None without an outlook.

        Args:
            context: Context frames in [-1, 1].
            num_frames: Number of future frames.
        """
        if self.outlook is None:
            return None
        context = self._usable(context)
        past = self.tokenize(context)
        tokens = guess_tokens(self.outlook.guess(context), self.sizes)
        future = rearrange(tokens, "b (lt lh lw) g -> b lt lh lw g", lh=past.shape[2], lw=past.shape[3])
        return self._decode_after(past, future)[:, :num_frames]

    def score(
        self,
        context: Video,
        future: Float[Array, "b n h w c"],
        *,
        watched: Video | None = None,
        temperatures: tuple[float, ...] = (1.0,),
    ) -> Scored:
        """Returns the exact likelihood of the tokens of a true future.

        Args:
            context: Context frames in [-1, 1].
            future: The frames after them, in [-1, 1]; their number is a multiple of the tokenizer's stride in time.
            watched: Frames for the motion pathways in place of the context, for ablations.
            temperatures: Values that the logits are divided by.
        """
        context = self._usable(context)
        past = 1 + (context.shape[1] - 1) // self.tokenizer.module.stride[0]
        tokens = self.tokenize(jnp.concatenate([context, future], axis=1))
        first = past * tokens.shape[2] * tokens.shape[3]
        conditioning = self._conditioning(context, context if watched is None else self._usable(watched))
        found = jnp.asarray(temperatures)
        return _score(self.transformer, self.params, _flat(tokens), conditioning, first=first, temperatures=found)

    def _decode_after(self, past: TokenGrid, future: Int[Array, "b future lh lw g"]) -> Float[Array, "b n h w c"]:
        """Returns the frames of future tokens, decoded after the tokens of their context."""
        start = 1 + (past.shape[1] - 1) * self.tokenizer.module.stride[0]
        return self.tokenizer.decode(jnp.concatenate([past, future], axis=1))[:, start:]

    def _conditioning(self, context: Video, watched: Video) -> Conditioning:
        return Conditioning(
            memory=None if self.motion is None else self.motion.watch(watched),
            guess=None if self.outlook is None else self.outlook.guess(context),
        )

    def _usable(self, context: Video) -> Float[Array, "b past h w c"]:
        """Returns the last frames of a context, as many as fill whole latent frames."""
        stride, frames = self.tokenizer.module.stride[0], context.shape[1]
        if frames < 1:
            raise ValueError("a context of no frames: give at least 1")
        return context[:, frames - (1 + (frames - 1) // stride * stride) :]


def _flat(tokens: TokenGrid) -> Tokens:
    return rearrange(tokens, "b lt lh lw g -> b (lt lh lw) g")


_continue = partial(jax.jit, static_argnums=0, static_argnames=("num_tokens", "sampling", "samples"))(generate)


@partial(jax.jit, static_argnums=0, static_argnames="first")
def _score(
    module: Transformer,
    params: PyTree,
    tokens: Tokens,
    conditioning: Conditioning,
    *,
    first: int,
    temperatures: Float[Array, "k"],
) -> Scored:
    logits: Logits = module.apply({"params": params}, tokens, conditioning, first=first)  # pyright: ignore
    true = tokens[:, first:]
    hit = argmax(logits) == true

    def at(temperature: Array) -> tuple[Array, Array]:
        tempered = logits / temperature
        return token_nll(tempered, true), jnp.max(jax.nn.softmax(tempered), axis=-1)

    nll, confidence = (jnp.moveaxis(each, 0, -1) for each in jax.lax.map(at, temperatures))
    return Scored(nll, jnp.all(hit, axis=-1), confidence, hit)
