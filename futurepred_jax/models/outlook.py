"""A first guess of the future: convolutions over the latent frames of the context, all future frames at once.

Where something moves to is a local question, the same everywhere in a frame, which convolutions learn from far fewer
clips than attention does. The guess is the mean of what may happen, and so is blurred; the Transformer reads it at
every future position and settles on one future.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
from einops import rearrange
from flax import linen as nn
from flax import struct
from jax import random
from jaxtyping import Array, Float, Int

from futurepred_jax.arrays import Tokens, Video
from futurepred_jax.models.blocks import dense
from futurepred_jax.models.layers import CausalConv, Norm
from futurepred_jax.models.neighbours import at_places

GUESS_SCALE = 0.01  # guesses start at the codes' mean
IN_FRAME = (1, 3, 3)


@struct.dataclass
class Guess:
    """What is expected of the future.

    Attributes:
        codes: the vectors of its codes, in raster order.
        features: what they are read from.
        book: the vectors of all codes.
        frames: the future itself, in [-1, 1], small; of a ``MovingOutlook``.
    """

    codes: Float[Array, "b n g e"]
    features: Float[Array, "b h w c"]
    book: Float[Array, "g v e"]
    frames: Float[Array, "b t y x 3"] | None = None

    def at(self, position: Int[Array, "b *m"]) -> Float[Array, "b *m g e"]:
        """The codes at positions, counted from the end: -1 is the last of the future."""
        return jax.vmap(at_places)(self.codes, position + self.codes.shape[1])


class Outlook(nn.Module):
    """Residual convolutions within a frame; the latent frames of the context are its channels.

    Attributes:
        sizes: Number of codes of each digit of a token.
        code_dim: Channels of the vector of each code; the variable ``codes`` [g v e] of the collection of that name
            holds them, the tokenizer's.
        grid: Latent frames, rows and columns of a clip.
        past: Latent frames of the context; all others are guessed.
        width: Channels.
        depth: Residual blocks, each of which sees one position further to all sides.
        dtype: Of activations.
    """

    sizes: tuple[int, ...]
    code_dim: int
    grid: tuple[int, int, int]
    past: int
    width: int = 128
    depth: int = 6
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, tokens: Tokens, frames: Video | None = None) -> Guess:
        """The guess after a context, with which ``tokens`` begin; its frames are not read.

        Raises:
            ValueError: if they end within it.
        """
        del frames
        shape = (len(self.sizes), max(self.sizes), self.code_dim)
        codes = self.variable("codes", "codes", lambda: self.code_dim**-0.5 * random.normal(self.make_rng(), shape))
        lt, h, w = self.grid
        looks = codes.value[jnp.arange(len(self.sizes)), self._context(tokens)].astype(self.dtype)
        looks = rearrange(looks, "b (past h w) g e -> b 1 h w (past g e)", h=h, w=w)
        place = self.param("place", nn.initializers.zeros, (h, w, self.width))
        x = CausalConv(self.width, IN_FRAME, use_bias=False)(looks) + place.astype(self.dtype)
        for _ in range(self.depth):
            inner = nn.silu(CausalConv(self.width, IN_FRAME, use_bias=False)(Norm()(x)))
            x += dense(self.width, 1 / self.depth, self.dtype)(inner)
        x = Norm()(x)[:, 0]
        guess = dense((lt - self.past) * math.prod(shape[::2]), GUESS_SCALE, self.dtype, name="heads_guess")(x)
        guess = rearrange(guess.astype(jnp.float32), "b h w (n g e) -> b (n h w) g e", n=lt - self.past, g=shape[0])
        return Guess(guess, x, codes.value)

    def flops(self, *, clips: int) -> float:
        """Floating-point operations of the guesses for ``clips`` clips: two for each weight and position."""
        code, width = len(self.sizes) * self.code_dim, self.width
        weights = 9 * self.past * code * width + self.depth * 10 * width**2 + (self.grid[0] - self.past) * code * width
        return 2.0 * clips * weights * math.prod(self.grid[1:])

    def _context(self, tokens: Tokens) -> Int[Array, "b past g"]:
        there_are, needed = tokens.shape[1], self.past * math.prod(self.grid[1:])
        if there_are < needed:
            raise ValueError(f"{there_are} tokens: a guess needs the {needed} of {self.past} latent frames")
        return tokens[:, :needed]


def nearest(guess: Guess, sizes: tuple[int, ...]) -> Tokens:
    """The token whose code is nearest to each expected vector, digit by digit."""
    distances = [
        jnp.sum(jnp.square(book[:size]), axis=-1) - 2 * guess.codes[..., digit, :] @ book[:size].T
        for digit, (book, size) in enumerate(zip(guess.book, sizes, strict=True))
    ]
    return jnp.stack([jnp.argmin(each, axis=-1) for each in distances], axis=-1)
