"""An autoregressive Transformer over the tokens of a video, in raster order (t, h, w).

Position n predicts token n from all tokens before it. Its input is made from the earlier tokens next to it in space and
time, the token just before among them, so that "as in the last frame" and "as the neighbour that moved here" are known
before the first block; attention supplies the rest. It may read more at the future's positions: a first guess of their
codes (``outlook``), and what a motion pathway saw (``crossing``). A token of several digits is one position: its digits
are predicted one after another by small heads. A block has RMSNorm before each branch, normalised queries and keys
(ViT-22B, arXiv:2302.05442 §2.2) turned by a 3D rotary embedding, and SwiGLU (arXiv:2002.05202).
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
from futurepred_jax.models.blocks import Angles, Block, Digits, Neighbourhood, dense
from futurepred_jax.models.cache import Cache
from futurepred_jax.models.crossing import Crossing, Memory
from futurepred_jax.models.neighbours import OUTSIDE, at_places, causal_neighbours
from futurepred_jax.models.outlook import Guess
from futurepred_jax.models.rope import rotary_angles

HIDDEN_MULTIPLE = 32  # channels: whole vectors and matrix tiles on every backend


@struct.dataclass
class Remembered:
    """What positions may read besides the tokens before them.

    Attributes:
        crossings: for each crossing, keys and values [b m h d] of a pathway's memory.
        guess_features: of a first guess, what is added to the input of each position of the grid; zero in the context.
    """

    crossings: tuple[tuple[Array, Array], ...] = ()
    guess_features: Float[Array, "b n d"] | None = None


NOTHING = Remembered()


@struct.dataclass
class Step:
    """Features of a run of positions of every sample, from which their digits follow, and the cache with them."""

    features: Float[Array, "b m r d"]
    cache: tuple[Cache, ...]


class Transformer(nn.Module):
    """Causal model of the tokens of a grid [lt lh lw].

    Attributes:
        sizes: Number of codes of each digit of a token.
        grid: Latent frames, rows and columns; shorter sequences are a prefix of it in raster order.
        code_dim: Channels of the vector of each code, from which tokens are embedded and by which they are chosen; the
            parameter ``codes`` [g v e] holds them: random here, a tokenizer's own where training sets them.
        width: Channels.
        depth: Blocks.
        cross: Numbers of the blocks, from 0, before which features of a motion pathway enter; none without a pathway.
        context_latents: Number of latent frames of the context, for a Transformer that reads a first guess of the
            future; 0 without a guess.
        heads: Attention heads; ``width // heads`` channels each.
        mlp_ratio: Channels inside SwiGLU over ``width``; rounded up to a multiple of 32.
        nearby: Channels of each neighbouring token's embedding in the input.
        frames: Earlier latent frames whose window around the position goes into the input.
        radius: Half the side of that window, in tokens.
        remat: Recompute each block in the backward pass instead of storing it.
        attention: Form of attention; see ``causal_attention``.
        dtype: Of activations; parameters, norms' statistics, softmax and logits are float32.
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
        self.head = Digits(self.sizes, self.code_dim, self.width, self.dtype)
        shape = (len(self.sizes), max(self.sizes), self.code_dim)
        self.codes = self.param("codes", nn.initializers.normal(self.code_dim**-0.5), shape)

    def __call__(
        self, tokens: Tokens, *, first: int = 0, memory: Memory | None = None, guess: Guess | None = None
    ) -> Float[Array, "b rest g v"]:
        """Logits for each digit of each token given what is before it, of positions ``first`` and later only.

        Args:
            tokens: Of the clip.
            first: See above.
            memory: What a motion pathway saw, for a Transformer with crossings.
            guess: Of the future, for a Transformer with a past.

        Raises:
            ValueError: if there are more tokens than the grid has, or as ``remember``.
        """
        x, _ = self._run(tokens, self.remember(memory, guess), first=first)
        return self.head(x, tokens[:, first:], self.codes)

    def redraw(
        self,
        tokens: Tokens,
        keys: Keys[Array, "b"],
        *,
        first: int,
        memory: Memory | None = None,
        guess: Guess | None = None,
    ) -> Int[Array, "b rest g"]:
        """Tokens from ``first`` on, each drawn given all tokens before it as they are; see ``__call__``."""
        x, _ = self._run(tokens, self.remember(memory, guess))
        drawn = jnp.zeros_like(tokens)
        for i in range(len(self.sizes)):
            digit_keys = jax.vmap(partial(jax.random.fold_in, data=i))(keys)
            drawn = drawn.at[..., i].set(jax.vmap(jax.random.categorical)(digit_keys, self.digit(x, drawn, i)))
        return drawn[:, first:]

    def remember(self, memory: Memory | None = None, guess: Guess | None = None) -> Remembered:
        """What is kept of a memory and of a guess for all positions.

        Raises:
            ValueError: for crossings without a memory, a past without a guess, or either the other way.
        """
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
        """One pass over the context: each block's cache, with room for ``length`` tokens of ``samples`` continuations.

        The last of the tokens may begin a run of ``run`` positions.

        Raises:
            ValueError: if context and continuation are longer than the grid.
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
        """Features of ``run`` positions of each sample, as if each were given all tokens before it.

        Args:
            tokens: All tokens so far and, within the run, a draft of the others; what stands at the run's last position
                and later is not read. There may be more than the grid has.
            start: The run's first position, an index into ``tokens``: each sample's own, [b m], or one for all. The
                cache must hold all before it.
            cache: See above.
            remembered: See ``remember``.
            run: See above.
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
        """Logits of digit ``i`` of a token from its features and its earlier digits; the others are not read."""
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
        """The stream that block ``i`` takes."""
        if i not in self.cross:
            return x
        place = self.cross.index(i)
        return self.crossings[place](x, angles, remembered.crossings[place])

    def _cross_runs(self, i: int, x: Float[Array, "b m r d"], angles: Angles, remembered: Remembered) -> Array:
        """The same of runs; positions do not see each other in a crossing."""
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
    """Floating-point operations of a forward and backward pass over ``clips`` whole grids, logits from ``first`` on.

    Six for each weight of a matrix and token (two forward, four backward) and the same for each of the 2 · width
    products of a pair of positions that attention sees, causal pairs only; embeddings are look-ups and cost none (PaLM,
    arXiv:2204.02311 appendix B), and what is multiplied once for all tokens is left out. Where only the last positions
    are wanted, the last block is counted for those alone.
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
