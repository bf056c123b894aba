"""A trained tokenizer and a trained Transformer together: context frames in, future frames out."""

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
from einops import rearrange
from flax import struct
from jaxtyping import Array, Bool, Float, Int, PyTree

from futurepred_jax.arrays import Key, Logits, TokenGrid, Tokens, Video
from futurepred_jax.models.crossing import Memory, gates
from futurepred_jax.models.decoding import Sampling, generate, token_nll
from futurepred_jax.models.magvit import MagVit
from futurepred_jax.models.outlook import Guess, Outlook, nearest
from futurepred_jax.models.pathway import Pathway
from futurepred_jax.models.transformer import Transformer


@struct.dataclass
class Prediction:
    """The future of a batch of contexts: frames in [-1, 1], their tokens, and log p(tokens | context) in nats."""

    video: Video
    tokens: TokenGrid
    log_likelihood: Float[Array, "b"]


@struct.dataclass
class Scored:
    """What the model thinks of a given future, token by token."""

    nll: Float[Array, "b n"]  # nats
    correct: Bool[Array, "b n"]  # every digit of the true token is the likeliest, given those before
    confidence: Float[Array, "b n g"]  # probability of the likeliest of each digit
    hit: Bool[Array, "b n g"]  # it is the true one


@dataclasses.dataclass(frozen=True)
class Tokenizer:
    """A MagVit with its variables."""

    module: MagVit
    variables: PyTree

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of codes of each digit of a token."""
        return self.module.quantizer.sizes

    @property
    def codebooks(self) -> Float[Array, "g v d"]:
        """The vectors of the codes of each digit."""
        return self.module.apply(self.variables, method="codebooks")  # pyright: ignore[reportReturnType]

    def tokenize(self, video: Video) -> TokenGrid:
        """Frames in [-1, 1] to tokens. Raises a ValueError as ``MagVit.encode``."""
        return _encode(self.module, self.variables, video)

    def draw(self, tokens: TokenGrid) -> Video:
        """Tokens to frames in [-1, 1]."""
        return _decode(self.module, self.variables, tokens)

    def reconstruct(self, video: Video) -> Video:
        """Encodes and decodes frames in [-1, 1]."""
        return self.draw(self.tokenize(video))


@dataclasses.dataclass(frozen=True)
class Motion:
    """A motion pathway with its variables."""

    module: Pathway
    variables: PyTree

    def watch(self, video: Video) -> Memory:
        """What the Transformer remembers of frames in [-1, 1]."""
        return _watch(self.module, self.variables, video)


@dataclasses.dataclass(frozen=True)
class Foresight:
    """What makes the first guess of a future, with its variables."""

    module: Outlook
    variables: PyTree

    def guess(self, context: Tokens) -> Guess:
        """Of what follows the tokens of a context."""
        return _guess(self.module, self.variables, context)


@dataclasses.dataclass(frozen=True)
class Predictor:
    """A tokenizer and the Transformer that was trained on its tokens, with what it reads besides them."""

    tokenizer: Tokenizer
    transformer: Transformer
    params: PyTree
    foresight: Foresight | None = None
    motion: Motion | None = None

    @property
    def gates(self) -> dict[str, float]:
        """How far the gate of each crossing is open, in (-1, 1)."""
        return {name: float(value) for name, value in gates(self.params).items()}

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of codes of each digit of the tokenizer's."""
        return self.tokenizer.sizes

    def tokenize(self, video: Video) -> TokenGrid:
        """See ``Tokenizer.tokenize``."""
        return self.tokenizer.tokenize(video)

    def reconstruct(self, video: Video) -> Video:
        """See ``Tokenizer.reconstruct``."""
        return self.tokenizer.reconstruct(video)

    def predict(
        self, context: Video, *, num_frames: int, key: Key, sampling: Sampling, watched: Video | None = None
    ) -> Prediction:
        """The ``num_frames`` frames after the context.

        A context of n frames counts with its last ``1 + s ⌊(n − 1) / s⌋``, where s is the tokenizer's stride in time.

        Args:
            context: frames in [-1, 1].
            num_frames: future frames; ``⌈num_frames / s⌉`` latent frames are decoded and the first frames kept.
            key: for sampling.
            sampling: temperature 0 takes the likeliest token each time.
            watched: what the pathway sees in place of the context, such as another clip's, to tell what it is worth.

        Raises:
            ValueError: if nothing is asked for, or context and future are longer than the model.
        """
        if num_frames < 1:
            raise ValueError(f"{num_frames} future frames: ask for at least 1")
        context = self._usable(context)
        past, memory = self.tokenize(context), self._memory(context, watched)
        guess = self._guess(_flat(past))
        latent_frames = -(-num_frames // self.tokenizer.module.stride[0])
        lh, lw = past.shape[2:4]
        new = _continue(
            self.transformer,
            self.params,
            _flat(past),
            num_tokens=latent_frames * lh * lw,
            key=key,
            sampling=sampling,
            memory=memory,
            guess=guess,
        )
        future = rearrange(new.tokens[:, 0], "b (lt lh lw) g -> b lt lh lw g", lh=lh, lw=lw)
        return Prediction(self._drawn(past, future)[:, :num_frames], future, new.log_likelihood[:, 0])

    def first_guess(self, context: Video, *, num_frames: int) -> Video | None:
        """The frames of the first guess, each of its codes replaced by the nearest there is; none without one."""
        if self.foresight is None:
            return None
        past = self.tokenize(self._usable(context))
        tokens = nearest(self.foresight.guess(_flat(past)), self.sizes)
        future = rearrange(tokens, "b (lt lh lw) g -> b lt lh lw g", lh=past.shape[2], lw=past.shape[3])
        return self._drawn(past, future)[:, :num_frames]

    def score(self, context: Video, future: Float[Array, "b n h w c"], *, watched: Video | None = None) -> Scored:
        """Exact likelihood of the tokens of a true future, which must be a multiple of the stride in time long."""
        context = self._usable(context)
        past = 1 + (context.shape[1] - 1) // self.tokenizer.module.stride[0]
        tokens = self.tokenize(jnp.concatenate([context, future], axis=1))
        first = past * tokens.shape[2] * tokens.shape[3]
        memory, guess = self._memory(context, watched), self._guess(_flat(tokens))
        return _score(self.transformer, self.params, _flat(tokens), first=first, memory=memory, guess=guess)

    def _drawn(self, past: TokenGrid, future: Int[Array, "b future lh lw g"]) -> Float[Array, "b n h w c"]:
        """The frames of a future, after its context."""
        start = 1 + (past.shape[1] - 1) * self.tokenizer.module.stride[0]
        return self.tokenizer.draw(jnp.concatenate([past, future], axis=1))[:, start:]

    def _guess(self, context: Tokens) -> Guess | None:
        return None if self.foresight is None else self.foresight.guess(context)

    def _memory(self, context: Video, watched: Video | None) -> Memory | None:
        if self.motion is None:
            return None
        return self.motion.watch(context if watched is None else self._usable(watched))

    def _usable(self, context: Video) -> Float[Array, "b past h w c"]:
        """The last frames that fill latent frames."""
        stride, frames = self.tokenizer.module.stride[0], context.shape[1]
        if frames < 1:
            raise ValueError("a context of no frames: give at least 1")
        return context[:, frames - (1 + (frames - 1) // stride * stride) :]


def _flat(tokens: TokenGrid) -> Tokens:
    return rearrange(tokens, "b lt lh lw g -> b (lt lh lw) g")


@partial(jax.jit, static_argnums=0)
def _encode(module: MagVit, variables: PyTree, video: Video) -> TokenGrid:
    return module.apply(variables, video, method="encode")  # pyright: ignore[reportReturnType]


@partial(jax.jit, static_argnums=0)
def _decode(module: MagVit, variables: PyTree, tokens: TokenGrid) -> Video:
    return module.apply(variables, tokens, method="decode")  # pyright: ignore[reportReturnType]


@partial(jax.jit, static_argnums=0)
def _watch(module: Pathway, variables: PyTree, video: Video) -> Memory:
    return module.apply(variables, video)  # pyright: ignore[reportReturnType]


@partial(jax.jit, static_argnums=0)
def _guess(module: Outlook, variables: PyTree, context: Tokens) -> Guess:
    return module.apply(variables, context)  # pyright: ignore[reportReturnType]


_continue = partial(jax.jit, static_argnums=0, static_argnames=("num_tokens", "sampling"))(generate)


@partial(jax.jit, static_argnums=0, static_argnames="first")
def _score(
    module: Transformer, params: PyTree, tokens: Tokens, *, first: int, memory: Memory | None, guess: Guess | None
) -> Scored:
    logits: Logits = module.apply({"params": params}, tokens, first=first, memory=memory, guess=guess)  # pyright: ignore
    true = tokens[:, first:]
    hit = jnp.argmax(logits, axis=-1) == true
    confidence = jnp.max(jax.nn.softmax(logits), axis=-1)
    return Scored(token_nll(logits, true), jnp.all(hit, axis=-1), confidence, hit)
