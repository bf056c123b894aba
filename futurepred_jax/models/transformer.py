"""An autoregressive Transformer over the tokens of a video, in raster order (t, h, w).

Position n predicts token n from all tokens before it. Its input is an embedding of the earlier tokens next to it in
space and time, so that the first block can already copy the token of the last frame or of a neighbour; attention adds
everything else. Positions of the future may also read a first guess of their codes (``outlook``) and features of motion
pathways (``crossing``). A token of several digits is one position, and a small head predicts its digits one after
another. A block has RMSNorm before each branch, normalised queries and keys (ViT-22B, arXiv:2302.05442 §2.2) with a 3D
rotary embedding, and SwiGLU (arXiv:2002.05202).
"""

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from einops import rearrange
from flax import linen as nn
from flax import struct
from jaxtyping import Array, Float, Int
from jaxtyping import Key as Keys

from futurepred_jax.arrays import Tokens
from futurepred_jax.models.blocks import Angles, Block, Neighbourhood, TokenHead, dense
from futurepred_jax.models.cache import Cache
from futurepred_jax.models.crossing import Crossing, Memory
from futurepred_jax.models.neighbours import OUTSIDE, at_places, causal_neighbours
from futurepred_jax.models.outlook import Guess
from futurepred_jax.models.rope import rotary_angles

HIDDEN_MULTIPLE = 32  # channels: whole vectors and matrix tiles on every backend


@struct.dataclass
class Conditioning:
    """What a Transformer reads besides the tokens.

    Attributes:
        memory: Features from motion pathways, for a Transformer with crossings.
        guess: First guess of the future, for a Transformer with ``context_latents``.
    """

    memory: Memory | None = None
    guess: Guess | None = None


UNCONDITIONED = Conditioning()


@struct.dataclass
class Remembered:
    """The conditioning in the form that positions read, computed once for all of them.

    Attributes:
        crossings: Keys and values [b m h d] of the memory, for each crossing.
        guess_features: Features of the first guess to add to the input of each position; zero in the context.
    """

    crossings: tuple[tuple[Array, Array], ...] = ()
    guess_features: Float[Array, "b n d"] | None = None


NOTHING = Remembered()


@struct.dataclass
class Step:
    """Features of a run of positions of every sample, input of the head, and the cache with these positions."""

    features: Float[Array, "b m r d"]
    cache: tuple[Cache, ...]


class Transformer(nn.Module):
    """Causal model of the tokens of a grid [lt lh lw].

    Attributes:
        sizes: Number of codes of each digit of a token.
        grid: Latent frames, rows and columns; shorter sequences are a prefix of it in raster order.
        code_dim: Channels of the vector of each code, which embeds tokens and predicts them. The parameter ``codes``
            [g v e] holds the vectors: random ones at first, or a tokenizer's, where training sets them.
        width: Channels.
        depth: Blocks.
        cross: Numbers of the blocks, from 0, that have a crossing before them; none without a motion pathway.
        context_latents: Number of latent frames of the context, for a Transformer that reads a first guess of the
            future; 0 without a guess.
        heads: Attention heads; ``width // heads`` channels each.
        mlp_ratio: Channels inside SwiGLU over ``width``; rounded up to a multiple of 32.
        nearby: Channels of each neighbouring token's embedding in the input.
        frames: Number of earlier latent frames of which a window around the position goes into the input.
        radius: Half the side of that window, in tokens.
        remat: Recompute each block in the backward pass instead of storing it.
        attention: Name of the form of attention, as ``causal_attention`` takes it.
        dtype: Type of activations; parameters, norms' statistics, softmax and logits are float32.
    """

    sizes: tuple[int, ...]
    grid: tuple[int, int, int]
    code_dim: int = 8
    width: int = 256
    depth: int = 4
    cross: tuple[int, ...] = ()
    context_latents: int = 0
    heads: int = 4
    mlp_ratio: float = 8 / 3
    nearby: int = 32
    frames: int = 2
    radius: int = 1
    remat: bool = False
    attention: str = "auto"
    dtype: Any = jnp.float32

    def setup(self) -> None:
        """Declares the parameters: input, blocks and head."""
        if self.width % self.heads:
            raise ValueError(f"width {self.width} with {self.heads} heads: heads must divide the width")
        if not 0 <= self.context_latents < self.grid[0]:
            raise ValueError(
                f"context_latents {self.context_latents}: a context must leave some of {self.grid[0]} latent frames"
            )
        if sorted(set(self.cross) & set(range(self.depth))) != list(self.cross):
            raise ValueError(f"cross {self.cross}: must be increasing numbers of blocks, of 0 … {self.depth - 1}")
        self.neighbours = causal_neighbours(self.grid, frames=self.frames, radius=self.radius)
        self.angles = rotary_angles(self.grid, self.width // self.heads)
        self.input = Neighbourhood(self.sizes, self.width, self.nearby, self.dtype)
        hidden = HIDDEN_MULTIPLE * math.ceil(self.mlp_ratio * self.width / HIDDEN_MULTIPLE)
        block = nn.remat(Block, static_argnums=(3,)) if self.remat else Block
        self.blocks = [
            block(self.width, self.heads, hidden, 1 / (2 * self.depth), self.attention, self.dtype)
            for _ in range(self.depth)
        ]
        crossing = nn.remat(Crossing) if self.remat else Crossing
        self.crossings = [crossing(self.width, self.heads, 1 / (2 * self.depth), self.dtype) for _ in self.cross]
        if self.context_latents:
            self.guessed_codes = dense(self.width, 1.0, self.dtype)
            self.guess_features = dense(self.width, 1.0, self.dtype)
        self.head = TokenHead(self.sizes, self.code_dim, self.width, self.dtype)
        shape = (len(self.sizes), max(self.sizes), self.code_dim)
        self.codes = self.param("codes", nn.initializers.normal(self.code_dim**-0.5), shape)

    def __call__(
        self, tokens: Tokens, conditioning: Conditioning = UNCONDITIONED, *, first: int = 0
    ) -> Float[Array, "b rest g v"]:
        """Returns the logits of each digit of each token, given all tokens and digits before it.

        Args:
            tokens: Tokens of a clip, or of its first part.
            conditioning: What the Transformer reads besides the tokens.
            first: First position whose logits are returned.

        Raises:
            ValueError: If there are more tokens than the grid has, or if the conditioning does not fit the Transformer.
        """
        x, _ = self._run(tokens, self.remember(conditioning), first=first)
        return self.head(x, tokens[:, first:], self.codes)

    def redraw(
        self,
        tokens: Tokens,
        keys: Keys[Array, "b"],
        conditioning: Conditioning = UNCONDITIONED,
        *,
        first: int,
    ) -> Int[Array, "b rest g"]:
        """Samples every token from ``first`` on in parallel, each given the tokens before it in ``tokens``.

        Args:
            tokens: Tokens of a clip.
            keys: A random key for each clip.
            conditioning: What the Transformer reads besides the tokens.
            first: First position that is sampled.
        """
        x, _ = self._run(tokens, self.remember(conditioning))
        drawn = jnp.zeros_like(tokens)
        for i in range(len(self.sizes)):
            digit_keys = jax.vmap(partial(jax.random.fold_in, data=i))(keys)
            drawn = drawn.at[..., i].set(jax.vmap(jax.random.categorical)(digit_keys, self.digit(x, drawn, i)))
        return drawn[:, first:]

    def remember(self, conditioning: Conditioning = UNCONDITIONED) -> Remembered:
        """Computes what all positions read of the conditioning.

        Raises:
            ValueError: If there is a memory but no crossing, a guess but no ``context_latents``, or the reverse.
        """
        memory, guess = conditioning.memory, conditioning.guess
        if (memory is None) is not (self.cross == ()):
            given = "no memory" if memory is None else "a memory"
            raise ValueError(
                f"{given} for crossings before blocks {self.cross}: features need crossings, and these them"
            )
        if (guess is None) is not (self.context_latents == 0):
            given = "no guess" if guess is None else "a guess"
            raise ValueError(
                f"{given} for a Transformer with context_latents {self.context_latents}: it takes one if this is not 0"
            )
        crossings = () if memory is None else tuple(crossing.remember(memory) for crossing in self.crossings)
        return Remembered(crossings, None if guess is None else self._guess_features(guess))

    def prefill(
        self, context: Tokens, *, samples: int, length: int, run: int = 1, remembered: Remembered = NOTHING
    ) -> tuple[Cache, ...]:
        """Runs the context through the Transformer once and returns each block's cache.

        Args:
            context: Tokens of the context.
            samples: Number of continuations of each context.
            length: Number of tokens of a continuation that the cache has room for.
            run: Number of positions of a pass; the last token of a continuation may begin such a run.
            remembered: The conditioning, from ``remember``.

        Raises:
            ValueError: If context and continuation are longer than the grid.
        """
        self._check_length(context.shape[1] + length)
        _, kept = self._run(context, remembered)
        return tuple(Cache.of_context(keys, values, samples=samples, length=length + run - 1) for keys, values in kept)

    def step(
        self,
        tokens: Int[Array, "b m n g"],
        start: Int[Array, "..."],
        cache: tuple[Cache, ...],
        remembered: Remembered = NOTHING,
        *,
        run: int = 1,
    ) -> Step:
        """Computes the features of ``run`` successive positions of each sample.

        Args:
            tokens: All tokens so far and, within the run, a draft of the next ones. Tokens at the run's last position
                and later are not read. The axis may be longer than the grid.
            start: First position of the run, as an index into ``tokens``: one for each sample [b m], or one for all.
            cache: Each block's keys and values of all positions before ``start``.
            remembered: The conditioning, from ``remember``.
            run: Number of positions.

        Returns:
            Features of the positions, each given all tokens before it, and the cache with the positions added.
        """
        position = jnp.broadcast_to(start, tokens.shape[:2])[..., None] + jnp.arange(run)
        window = at_places(jnp.asarray(self.neighbours), position)
        nearby = jax.vmap(jax.vmap(at_places))(tokens, window)
        x = self.input.of_windows(nearby, window == OUTSIDE, self.codes)
        if remembered.guess_features is not None:
            x += jax.vmap(at_places)(remembered.guess_features, position)
        angles = at_places(jnp.asarray(self.angles), position)
        after = []
        for i, (block, before) in enumerate(zip(self.blocks, cache, strict=True)):
            x = self._cross_runs(i, x, angles, remembered)
            x, now = block.step(x, angles, start - before.context_keys.shape[-1], before)
            after.append(now)
        return Step(features=x, cache=tuple(after))

    def digit(self, features: Float[Array, "*b d"], tokens: Int[Array, "*b g"], i: int) -> Float[Array, "*b v"]:
        """Returns the logits of digit ``i`` of tokens, given their features and earlier digits.

        Args:
            features: Features of the positions, from ``step``.
            tokens: The tokens; their digits from ``i`` on are not read.
            i: Number of the digit, from 0.
        """
        return self.head.digit(features, tokens, self.codes, i)

    def _run(
        self, tokens: Tokens, remembered: Remembered, first: int = 0
    ) -> tuple[Float[Array, "b rest d"], list[tuple[Array, Array]]]:
        n = tokens.shape[1]
        self._check_length(n)
        x = self.input(tokens, self.neighbours[:n], self.codes)
        if remembered.guess_features is not None:
            x += remembered.guess_features[:, :n]
        angles = jnp.asarray(self.angles[:n])
        kept = []
        for i, block in enumerate(self.blocks):
            last = i == self.depth - 1  # its outputs are only read by the head
            x, keys_values = block(self._cross(i, x, angles, remembered), angles, first if last else 0)
            kept.append(keys_values)
        return x, kept

    def _guess_features(self, guess: Guess) -> Float[Array, "b n d"]:
        _, h, w = self.grid
        codes = self.guessed_codes(rearrange(guess.codes, "b n g e -> b n (g e)").astype(self.dtype))
        read = codes + self.guess_features(guess.features.astype(self.dtype))
        return jnp.pad(read, ((0, 0), (self.context_latents * h * w, 0), (0, 0)))

    def _cross(self, i: int, x: Float[Array, "b n d"], angles: Angles, remembered: Remembered) -> Float[Array, "b n d"]:
        """Returns the input of block ``i``: the stream, after a crossing where there is one before the block."""
        if i not in self.cross:
            return x
        place = self.cross.index(i)
        return self.crossings[place](x, angles, remembered.crossings[place])

    def _cross_runs(self, i: int, x: Float[Array, "b m r d"], angles: Angles, remembered: Remembered) -> Array:
        """Applies ``_cross`` to runs of several samples; positions do not attend to each other in a crossing."""
        if i not in self.cross:
            return x
        m, flat = x.shape[1], "b m r d -> b (m r) d"
        crossed = self._cross(i, rearrange(x, flat), rearrange(angles, flat), remembered)
        return rearrange(crossed, "b (m r) d -> b m r d", m=m)

    def _check_length(self, n: int) -> None:
        if n > math.prod(self.grid):
            raise ValueError(
                f"{n} tokens: a Transformer on a grid {self.grid} takes at most {math.prod(self.grid)}; "
                "predict further by taking the last latent frames of a prediction as the next context"
            )


def train_flops(transformer: Transformer, *, clips: int, first: int = 0) -> float:
    """Returns the floating-point operations of a forward and backward pass.

    Counted are six operations for each weight of a matrix and token (two forward, four backward), and six for each of
    the 2 · width products of every causal pair of positions in attention (PaLM, arXiv:2204.02311 appendix B). Embedding
    look-ups and matrices that are multiplied once for all tokens are not counted. The last block counts only for the
    positions from ``first`` on.

    Args:
        transformer: The model.
        clips: Number of whole grids of tokens.
        first: First position whose logits are computed.
    """
    t, n, width = transformer, math.prod(transformer.grid), transformer.width
    hidden = HIDDEN_MULTIPLE * math.ceil(t.mlp_ratio * width / HIDDEN_MULTIPLE)
    window = causal_neighbours(t.grid, frames=t.frames, radius=t.radius).shape[-1]

    def after_attention(first: int) -> int:
        pairs = (n * (n + 1) - first * (first + 1)) // 2
        return pairs * 2 * width + (n - first) * (width**2 + 3 * width * hidden)

    digits, code_dim = len(t.sizes), t.code_dim
    embedding = digits * code_dim * (t.nearby + 2 * width)
    before = n * (embedding + window * t.nearby * width + t.depth * 3 * width**2)
    blocks = (t.depth - 1) * after_attention(0) + after_attention(first)
    earlier = digits * (digits - 1) // 2 * code_dim * width  # embeddings of earlier digits
    head = (n - first) * (sum(t.sizes) * width + earlier + (digits - 1) * width**2)
    return 6.0 * clips * (before + blocks + head)
