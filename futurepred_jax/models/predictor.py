"""A trained tokenizer and a trained Transformer together: context frames in, future frames out.

Beyond the Transformer's grid a future is drawn window after window. A window is what training showed: as many latent
frames of context, the first of which is one frame encoded alone, and the tokens drawn last after it, as they are. The
tokenizer's decoder goes on from where it stopped, so the drawing has no seam; what the Transformer can know of a window
is in its context, and an object hidden for longer than that is forgotten. Likelihoods are of each window given its
context.

What the border costs, for `tiny` on 32 clips of 33 frames: the true future of a second window had 9.19 bits a token
with its true context, whether encoded anew or its first frame alone, and 8.87 in the first. Predicted 24 frames ahead,
the windows had 19.4, 17.3 and 16.8 dB (copy-last-frame 18.6, 16.2 and 15.9); with all frames encoded anew instead of
tokens kept, 17.3 and 16.7 dB in the later two. From frame to frame the picture changed by 0.024 and 0.017 at the two
borders of windows, by 0.030, 0.017 and 0.014 at those of latent frames inside, and by less elsewhere.
"""

import dataclasses
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from einops import rearrange
from flax import struct
from jaxtyping import Array, Bool, Float, Int, PyTree

from futurepred_jax.arrays import Key, Logits, TokenGrid, Tokens, Video
from futurepred_jax.models import streaming
from futurepred_jax.models.codes import largest
from futurepred_jax.models.crossing import Memory, gates
from futurepred_jax.models.decoding import generate
from futurepred_jax.models.magvit import MagVit
from futurepred_jax.models.outlook import Guess, Outlook, guess_tokens
from futurepred_jax.models.pathway import Pathways
from futurepred_jax.models.sampling import Sampling, token_nll
from futurepred_jax.models.transformer import Transformer


@struct.dataclass
class Prediction:
    """The future of a batch of contexts: frames in [-1, 1], their tokens, log p(tokens | context) in nats, and passes.

    ``passes`` of the Transformer, each over one position or a drafted run, is how many the tokens took.
    """

    video: Video
    tokens: TokenGrid
    log_likelihood: Float[Array, "b"]
    passes: Int[Array, "b"]


@struct.dataclass
class Futures:
    """Several futures of each context: as ``Prediction``, ``m`` of them."""

    video: Float[Array, "b m n h w c"]
    tokens: Int[Array, "b m lt lh lw g"]
    log_likelihood: Float[Array, "b m"]
    passes: Int[Array, "b m"]


@struct.dataclass
class Scored:
    """What the model thinks of a given future, token by token, its logits divided by each of ``k`` temperatures."""

    nll: Float[Array, "b n k"]  # nats
    correct: Bool[Array, "b n"]  # every digit of the true token is the likeliest, given those before
    confidence: Float[Array, "b n g k"]  # probability of the likeliest of each digit
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
        """Frames in [-1, 1], of any number, to tokens. Raises a ValueError as ``MagVit.encode``."""
        return streaming.encode(self.module, self.variables, video)

    def decode(self, tokens: TokenGrid) -> Video:
        """Tokens to frames in [-1, 1]."""
        return streaming.decode(self.module, self.variables, tokens)

    def decode_next(self, tokens: TokenGrid, past: PyTree | None = None) -> tuple[Video, PyTree]:
        """The frames of the tokens that follow others, and the past for the next ones; see ``models.streaming``."""
        return streaming.decode_next(self.module, self.variables, tokens, past)

    def reconstruct(self, video: Video) -> Video:
        """Encodes and decodes frames in [-1, 1]."""
        return self.decode(self.tokenize(video))


@dataclasses.dataclass(frozen=True)
class Motion:
    """Motion pathways with their variables."""

    module: Pathways
    variables: PyTree

    def watch(self, video: Video) -> Memory:
        """What the Transformer remembers of frames in [-1, 1]."""
        return _watch(self.module, self.variables, video)


@struct.dataclass
class _Reel:
    """What was shown and drawn so far, a row each future; ``past`` is what the decoder needs to go on."""

    film: Video
    tokens: TokenGrid
    past: PyTree
    log_likelihood: Float[Array, "b"]
    passes: Int[Array, "b"]


class _Window(NamedTuple):
    """A context: its tokens, its frames, and what the motion pathways see."""

    tokens: TokenGrid
    frames: Video
    watched: Video


@dataclasses.dataclass(frozen=True)
class OutlookModel:
    """What makes the first guess of a future, with its variables."""

    module: Outlook
    variables: PyTree

    def guess(self, context: Video) -> Guess:
        """Of what follows a context, its frames in [-1, 1]."""
        return _guess(self.module, self.variables, context)


@dataclasses.dataclass(frozen=True)
class Predictor:
    """A tokenizer and the Transformer that was trained on its tokens, with what it reads besides them."""

    tokenizer: Tokenizer
    transformer: Transformer
    params: PyTree
    outlook: OutlookModel | None = None
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
        """One future of ``num_frames`` frames after the context; see ``futures``."""
        drawn = self.futures(context, num_frames=num_frames, samples=1, key=key, sampling=sampling, watched=watched)
        return Prediction(drawn.video[:, 0], drawn.tokens[:, 0], drawn.log_likelihood[:, 0], drawn.passes[:, 0])

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
        """Futures of ``num_frames`` frames after the context, which is read once for all of them.

        A context of n frames counts with its last ``1 + s ⌊(n − 1) / s⌋``, where s is the tokenizer's stride in time.

        Args:
            context: frames in [-1, 1].
            num_frames: future frames; ``⌈num_frames / s⌉`` latent frames are decoded and the first frames kept. Those
                beyond the Transformer's grid are drawn window after window; see the module.
            samples: futures ``m`` of each context.
            key: for sampling.
            sampling: temperature 0 takes the likeliest token each time.
            watched: what the pathways see in place of the context, such as another clip's, to tell what it is worth.

        Raises:
            ValueError: if nothing is asked for, or more than the grid has of a Transformer without a ``past``.
        """
        if min(num_frames, samples) < 1:
            raise ValueError(f"{samples} futures of {num_frames} frames: ask for at least 1 of each")
        context = self._usable(context)
        reel = self._opened(context)
        shown, wanted = reel.tokens.shape[1], -(-num_frames // self.tokenizer.module.stride[0])
        window = _Window(reel.tokens, context, context if watched is None else self._usable(watched))
        reel = self._extended(reel, window, wanted, samples=samples, key=key, sampling=sampling)
        while (left := shown + wanted - reel.tokens.shape[1]) > 0:
            key = jax.random.fold_in(key, left)
            reel = self._extended(reel, self._next_window(reel), left, samples=1, key=key, sampling=sampling)
        video = reel.film[:, context.shape[1] :][:, :num_frames]
        rows = (video, reel.tokens[:, shown:], reel.log_likelihood, reel.passes)
        return Futures(*(rearrange(each, "(b m) ... -> b m ...", m=samples) for each in rows))

    def _opened(self, context: Video) -> _Reel:
        tokens = self.tokenize(context)
        _, past = self.tokenizer.decode_next(tokens)
        return _Reel(context, tokens, past, jnp.zeros(len(context)), jnp.zeros(len(context), jnp.int32))

    def _extended(self, reel: _Reel, window: _Window, latent_frames: int, *, samples: int, **drawing: Any) -> _Reel:
        """The reel and the next latent frames, as many as the grid has after the window, ``samples`` rows of each."""
        if self.transformer.past:
            latent_frames = min(latent_frames, max(1, self.transformer.grid[0] - window.tokens.shape[1]))
        new, log_likelihood, passes = self._continued(window, latent_frames, samples=samples, **drawing)
        reel = jax.tree.map(partial(jnp.repeat, repeats=samples, axis=0), reel)
        video, past = self.tokenizer.decode_next(new, reel.past)
        film, tokens = (jnp.concatenate(pair, axis=1) for pair in ((reel.film, video), (reel.tokens, new)))
        return _Reel(film, tokens, past, reel.log_likelihood + log_likelihood, reel.passes + passes)

    def _continued(
        self, window: _Window, latent_frames: int, *, samples: int, key: Key, sampling: Sampling
    ) -> tuple[Int[Array, "rows new lh lw g"], Float[Array, "rows"], Int[Array, "rows"]]:
        """Tokens after a window's, ``samples`` rows of each, on their grid, their log-likelihood and passes."""
        (lh, lw), tokens = window.tokens.shape[2:4], _flat(window.tokens)
        new = _continue(
            self.transformer,
            self.params,
            tokens,
            num_tokens=latent_frames * lh * lw,
            key=key,
            sampling=sampling,
            samples=samples,
            memory=self._memory(window.watched),
            guess=self._guess(window.frames),
        )
        tokens = rearrange(new.tokens, "b m (lt lh lw) g -> (b m) lt lh lw g", lh=lh, lw=lw)
        return tokens, rearrange(new.log_likelihood, "b m -> (b m)"), rearrange(new.passes, "b m -> (b m)")

    def _next_window(self, reel: _Reel) -> _Window:
        """One as training showed it: its first frame encoded alone, then the last tokens as they are; its film."""
        kept = self.transformer.past - 1
        seen = reel.film[:, -(1 + kept * self.tokenizer.module.stride[0]) :]
        tokens = reel.tokens[:, reel.tokens.shape[1] - kept :]
        return _Window(jnp.concatenate([self.tokenize(seen[:, :1]), tokens], axis=1), seen, seen)

    def first_guess(self, context: Video, *, num_frames: int) -> Float[Array, "b n h w c"] | None:
        """The frames of the first guess, each of its codes replaced by the nearest there is; none without one."""
        if self.outlook is None:
            return None
        context = self._usable(context)
        past = self.tokenize(context)
        tokens = guess_tokens(self.outlook.guess(context), self.sizes)
        future = rearrange(tokens, "b (lt lh lw) g -> b lt lh lw g", lh=past.shape[2], lw=past.shape[3])
        return self._drawn(past, future)[:, :num_frames]

    def score(
        self,
        context: Video,
        future: Float[Array, "b n h w c"],
        *,
        watched: Video | None = None,
        temperatures: tuple[float, ...] = (1.0,),
    ) -> Scored:
        """Exact likelihood of the tokens of a true future, which must be a multiple of the stride in time long."""
        context = self._usable(context)
        past = 1 + (context.shape[1] - 1) // self.tokenizer.module.stride[0]
        tokens = self.tokenize(jnp.concatenate([context, future], axis=1))
        first = past * tokens.shape[2] * tokens.shape[3]
        memory = self._memory(context if watched is None else self._usable(watched))
        guess = self._guess(context)
        seen = {"memory": memory, "guess": guess, "temperatures": jnp.asarray(temperatures)}
        return _score(self.transformer, self.params, _flat(tokens), first=first, **seen)

    def _drawn(self, past: TokenGrid, future: Int[Array, "b future lh lw g"]) -> Float[Array, "b n h w c"]:
        """The frames of a future, after its context."""
        start = 1 + (past.shape[1] - 1) * self.tokenizer.module.stride[0]
        return self.tokenizer.decode(jnp.concatenate([past, future], axis=1))[:, start:]

    def _guess(self, context: Video) -> Guess | None:
        return None if self.outlook is None else self.outlook.guess(context)

    def _memory(self, seen: Video) -> Memory | None:
        return None if self.motion is None else self.motion.watch(seen)

    def _usable(self, context: Video) -> Float[Array, "b past h w c"]:
        """The last frames that fill latent frames."""
        stride, frames = self.tokenizer.module.stride[0], context.shape[1]
        if frames < 1:
            raise ValueError("a context of no frames: give at least 1")
        return context[:, frames - (1 + (frames - 1) // stride * stride) :]


def _flat(tokens: TokenGrid) -> Tokens:
    return rearrange(tokens, "b lt lh lw g -> b (lt lh lw) g")


@partial(jax.jit, static_argnums=0)
def _watch(module: Pathways, variables: PyTree, video: Video) -> Memory:
    return module.apply(variables, video)  # pyright: ignore[reportReturnType]


@partial(jax.jit, static_argnums=0)
def _guess(module: Outlook, variables: PyTree, context: Video) -> Guess:
    return module.apply(variables, context)  # pyright: ignore[reportReturnType]


_continue = partial(jax.jit, static_argnums=0, static_argnames=("num_tokens", "sampling", "samples"))(generate)


@partial(jax.jit, static_argnums=0, static_argnames="first")
def _score(
    module: Transformer,
    params: PyTree,
    tokens: Tokens,
    *,
    first: int,
    memory: Memory | None,
    guess: Guess | None,
    temperatures: Float[Array, "k"],
) -> Scored:
    logits: Logits = module.apply({"params": params}, tokens, first=first, memory=memory, guess=guess)  # pyright: ignore
    true = tokens[:, first:]
    hit = largest(logits) == true

    def at(temperature: Array) -> tuple[Array, Array]:
        tempered = logits / temperature
        return token_nll(tempered, true), jnp.max(jax.nn.softmax(tempered), axis=-1)

    nll, confidence = (jnp.moveaxis(each, 0, -1) for each in jax.lax.map(at, temperatures))
    return Scored(nll, jnp.all(hit, axis=-1), confidence, hit)
