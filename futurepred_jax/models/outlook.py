"""A first guess of the future that moves what was seen: every pixel of the last frame goes a way of its own.

The mean of what may happen fades, and what is a little off its place fades too. So this guess says, of each pixel of
the last frame, where it will be in every future frame and how much it hides there of what else comes; of each place,
what shows where nothing comes. What is carried along stays as it was seen. The expected codes are read from the frames
that this makes.
"""

from typing import Any

import jax
import jax.numpy as jnp
from einops import rearrange, reduce
from flax import linen as nn
from flax import struct
from jax import random
from jaxtyping import Array, Float, Int

from futurepred_jax.arrays import Tokens, Video
from futurepred_jax.models.blocks import dense
from futurepred_jax.models.codes import argmax
from futurepred_jax.models.layers import CausalConv, Norm
from futurepred_jax.models.neighbours import at_places
from futurepred_jax.models.splatting import carry

SIDE = 4  # pixels of a token, on a side, in the frames in which things are moved
FOLD = 2  # pixels, on a side, of a place of the finer of two grids, and places of that of one of the coarser
FINE_BLOCKS = 2  # before the coarser grid and after it
READING_BLOCKS = 2  # from the guessed frames to codes
GUESS_SCALE = 0.01  # guesses start at the codes' mean
IN_FRAME = (1, 3, 3)


@struct.dataclass
class Guess:
    """What is expected of the future.

    Attributes:
        codes: the vectors of its codes, in raster order.
        features: what they are read from, likewise.
        book: the vectors of all codes.
        frames: the future itself, in [-1, 1], small.
    """

    codes: Float[Array, "b n g e"]
    features: Float[Array, "b n c"]
    book: Float[Array, "g v e"]
    frames: Float[Array, "b t y x 3"]

    def at(self, position: Int[Array, "b *m"]) -> Float[Array, "b *m g e"]:
        """The codes at positions, counted from the end: -1 is the last of the future."""
        return jax.vmap(at_places)(self.codes, position + self.codes.shape[1])


class Residual(nn.Module):
    """A convolution and a product, added to the stream; ``scale`` is the variance gain of what is added."""

    scale: float

    @nn.compact
    def __call__(self, x: Float[Array, "b t h w c"]) -> Float[Array, "b t h w c"]:
        """The stream after it."""
        width = x.shape[-1]
        inner = nn.silu(CausalConv(width, IN_FRAME, use_bias=False)(Norm()(x)))
        return x + dense(width, self.scale, x.dtype)(inner)


class Outlook(nn.Module):
    """Residual convolutions on two grids, whose channels are what a convolution finds in each frame of the context.

    Frames are shrunk until a token has SIDE × SIDE pixels; ``Guess.frames`` have that size.

    Attributes:
        sizes: Number of codes of each digit of a token.
        code_dim: Channels of the vector of each code; the variable ``codes`` [g v e] of the collection of that name
            holds them, the tokenizer's.
        grid: Latent frames, rows and columns of a clip.
        context_latents: Number of latent frames of the context; the outlook guesses all others.
        stride: Frames and pixels (t, h, w) of a token.
        width: Channels on the grid of tokens; the finer one has half of them, and a quarter for each frame.
        depth: Residual blocks on the grid of tokens.
        dtype: Of activations; places and pictures are float32.
    """

    sizes: tuple[int, ...]
    code_dim: int
    grid: tuple[int, int, int]
    context_latents: int
    stride: tuple[int, int, int]
    width: int = 128
    depth: int = 5
    dtype: Any = jnp.float32

    @property
    def context_shape(self) -> tuple[int, int, int]:
        """Frames that are looked at, their height and their width."""
        (_, h, w), (st, sh, sw) = self.grid, self.stride
        return 1 + (self.context_latents - 1) * st, h * sh, w * sw

    @nn.compact
    def __call__(self, frames: Video) -> Guess:
        """The guess after the frames of a context, in [-1, 1].

        Raises:
            ValueError: for another number or size of frames, or a stride that is no multiple of SIDE.
        """
        shape = (len(self.sizes), max(self.sizes), self.code_dim)
        codes = self.variable("codes", "codes", lambda: self.code_dim**-0.5 * random.normal(self.make_rng(), shape))
        seen = self.shrunk(self._required(frames)).astype(self.dtype)
        stream, pixels = self._looks(seen)
        future = self._moved(seen, pixels)
        features = self._read(stream, future)
        guess = dense(shape[0] * shape[2], GUESS_SCALE, self.dtype, name="heads_guess")(features)
        guess = rearrange(guess.astype(jnp.float32), "b n (g e) -> b n g e", g=shape[0])
        return Guess(guess, features, codes.value, future)

    def flops(self, *, clips: int) -> float:
        """Floating-point operations of the guesses for ``clips`` clips: two for each weight and position.

        What is carried, four sums a pixel and frame, is not counted.
        """
        (seen, _, _), (lt, h, w), width, half, into = (
            self.context_shape,
            self.grid,
            self.width,
            self.width // 2,
            FOLD**2,
        )
        latent_frames, block, eye, pixels = lt - self.context_latents, 10, self.width // 4, 3 * FOLD**2
        future, code = latent_frames * self.stride[0], len(self.sizes) * self.code_dim
        fine = seen * (pixels * eye + 9 * eye**2 + (pixels + eye) * half)
        fine += (2 * FINE_BLOCKS * block + 2) * half**2 + into * (3 * future + 6) * half
        coarse = 10 * into * half * width + self.depth * block * width**2
        reading = 3 * SIDE**2 * self.stride[0] * width + (1 + READING_BLOCKS * block) * width**2 + code * width
        return 2.0 * clips * h * w * (into * fine + coarse + latent_frames * reading)

    def shrunk(self, frames: Video) -> Float[Array, "b t y x c"]:
        """Frames of a clip, as small as those in which things are moved."""
        _, sh, sw = self.stride
        return reduce(frames, "b t (h y) (w x) c -> b t h w c", "mean", y=sh // SIDE, x=sw // SIDE)

    def _required(self, frames: Video) -> Video:
        if any(side % SIDE for side in self.stride[1:]):
            raise ValueError(f"a tokenizer of stride {self.stride}: an outlook needs multiples of {SIDE} pixels")
        if frames.shape[1:4] != self.context_shape:
            there_are, needed = list(frames.shape[1:4]), list(self.context_shape)
            raise ValueError(f"frames {there_are}: a guess needs those of a context, {needed}")
        return frames

    def _looks(self, seen: Video) -> tuple[Float[Array, "b 1 lh lw d"], Float[Array, "b y x e"]]:
        """Features of each token's place, and of each place of the finer grid.

        Each frame is looked at by itself first, by the same weights: what shows an object in one shows it in all.
        """
        each = rearrange(seen, "b t (h y) (w x) c -> b t h w (y x c)", y=FOLD, x=FOLD)
        features = dense(self.width // 4, 1.0, self.dtype)(each)
        features = nn.silu(CausalConv(self.width // 4, IN_FRAME)(features))
        each = jnp.concatenate([features, each], axis=-1)
        x = dense(self.width // 2, 1.0, self.dtype)(rearrange(each, "b t h w c -> b 1 h w (t c)"))
        for _ in range(FINE_BLOCKS):
            x = Residual(1 / FINE_BLOCKS)(x)
        fine = Norm()(x)
        coarse = rearrange(fine, "b 1 (h y) (w x) c -> b 1 h w (y x c)", y=FOLD, x=FOLD)
        place = self.param("place", nn.initializers.zeros, (*self.grid[1:], self.width))
        stream = CausalConv(self.width, IN_FRAME, use_bias=False)(coarse) + place.astype(self.dtype)
        for _ in range(self.depth):
            stream = Residual(1 / self.depth)(stream)
        up = dense(FOLD**2 * self.width // 2, 1.0, self.dtype)(Norm()(stream))
        up = rearrange(up, "b t h w (y x c) -> b t (h y) (w x) c", y=FOLD, x=FOLD)
        x = dense(self.width // 2, 1.0, self.dtype)(jnp.concatenate([up, fine], axis=-1))
        for _ in range(FINE_BLOCKS):
            x = Residual(1 / FINE_BLOCKS)(x)
        return stream, Norm()(x)[:, 0]

    def _read(self, stream: Float[Array, "b 1 lh lw d"], future: Float[Array, "b t y x c"]) -> Float[Array, "b n d"]:
        """Features of each token of the future, from its frames and from what was seen at its place."""
        latent_frames = self.grid[0] - self.context_latents
        pictures = rearrange(future, "b (n t) (h y) (w x) c -> b n h w (t y x c)", n=latent_frames, y=SIDE, x=SIDE)
        seen = dense(latent_frames * self.width, 1.0, self.dtype)(Norm()(stream))
        x = rearrange(seen, "b 1 h w (n d) -> b n h w d", n=latent_frames)
        x += dense(self.width, 1.0, self.dtype)(pictures.astype(self.dtype))
        for _ in range(READING_BLOCKS):
            x = Residual(1 / READING_BLOCKS)(x)
        return rearrange(Norm()(x), "b n h w d -> b (n h w) d")

    def _moved(self, seen: Video, pixels: Float[Array, "b y x e"]) -> Float[Array, "b future h w c"]:
        """The future frames: at first the last one seen before the mean of all, half of each."""
        t, c = (self.grid[0] - self.context_latents) * self.stride[0], seen.shape[-1]
        ways = dense(FOLD**2 * (3 * t + 2 * c), GUESS_SCALE, self.dtype, name="heads_ways")(pixels)
        ways = rearrange(ways.astype(jnp.float32), "b h w (y x d) -> b (h y) (w x) d", y=FOLD, x=FOLD)
        speed, weights, colour, behind = jnp.split(ways, [2 * t, 3 * t, 3 * t + c], axis=-1)
        since = jnp.arange(1.0, t + 1)[:, None, None, None]
        moves = since * rearrange(speed, "b h w (t two) -> b t h w two", two=2)
        weights = rearrange(weights, "b h w t -> b t h w")
        seen = seen.astype(jnp.float32)
        return jax.vmap(carry)(seen[:, -1] + colour, moves, weights, jnp.mean(seen, axis=1) + behind)


def guess_tokens(guess: Guess, sizes: tuple[int, ...]) -> Tokens:
    """The token whose code is nearest to each expected vector, digit by digit."""
    digits = zip(jnp.moveaxis(guess.codes, -2, 0), guess.book, sizes, strict=True)
    return jnp.stack([argmax(-distances(codes, book[:size])) for codes, book, size in digits], axis=-1)


def distances(expected: Float[Array, "*b e"], book: Float[Array, "v e"]) -> Float[Array, "*b v"]:
    """Squared distances of codes from expected vectors, in units of the codes' variance.

    What is the same for all codes, the square of what is expected, is left out.
    """
    squared = jnp.sum(jnp.square(book), axis=-1) - 2 * expected @ book.T
    return squared / jnp.sum(jnp.var(book, axis=0))
