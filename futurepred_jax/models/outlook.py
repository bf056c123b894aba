"""A first guess of the future by deterministic forward warping (softmax splatting) of the last context frame.

The network predicts, for each pixel of the last frame and each future frame, a displacement and a weight that resolves
occlusions, and for each place a background that shows where no pixel arrives. Warped pixels keep their colours, where a
regression of future frames would blur them. A second, small network reads the expected codes of the future tokens from
the warped frames.
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
from futurepred_jax.models.splatting import splat

SIDE = 4  # side of a token in pixels of the shrunk frames that are warped
FOLD = 2  # pixels on a side of a cell of the finer grid, and such cells on a side of a cell of the coarser one
FINE_BLOCKS = 2  # residual blocks on the finer grid, before the coarser grid and again after it
READING_BLOCKS = 2  # residual blocks from the warped frames to codes
GUESS_SCALE = 0.01  # variance gain of the outputs, which start near zero, the mean of the codes
IN_FRAME = (1, 3, 3)


@struct.dataclass
class Guess:
    """The first guess of a future.

    Attributes:
        codes: Expected vector of the code of each digit of each future token, in raster order (t, h, w).
        features: The features that the vectors were read from, for each future token.
        book: Vectors of all codes of each digit.
        frames: The future frames, in [-1, 1], with SIDE pixels for the side of a token.
    """

    codes: Float[Array, "b n g e"]
    features: Float[Array, "b n c"]
    book: Float[Array, "g v e"]
    frames: Float[Array, "b t y x 3"]

    def at(self, position: Int[Array, "b *m"]) -> Float[Array, "b *m g e"]:
        """Returns the expected codes at negative positions, where -1 is the last token of the future."""
        return jax.vmap(at_places)(self.codes, position + self.codes.shape[1])


class Residual(nn.Module):
    """A convolution and a linear map, added to the stream.

    Attributes:
        scale: Variance gain of the linear map.
    """

    scale: float

    @nn.compact
    def __call__(self, x: Float[Array, "b t h w c"]) -> Float[Array, "b t h w c"]:
        """Returns the stream after the block."""
        width = x.shape[-1]
        inner = nn.silu(CausalConv(width, IN_FRAME, use_bias=False)(Norm()(x)))
        return x + dense(width, self.scale, x.dtype)(inner)


class Outlook(nn.Module):
    """The network of the first guess: residual convolutions on a fine and a coarse grid.

    The input channels of the fine grid are features of every context frame. Frames are shrunk so that a token has
    SIDE × SIDE pixels; ``Guess.frames`` have that size. The output layers are named ``heads_…``, by which
    ``training.optimizers.muon`` knows not to orthogonalise them.

    Attributes:
        sizes: Number of codes of each digit of a token.
        code_dim: Channels of the vector of each code. The tokenizer's vectors are the variable ``codes`` [g v e] of the
            collection ``codes``.
        grid: Latent frames, rows and columns of a clip.
        context_latents: Number of latent frames of the context; the outlook guesses all others.
        stride: Frames and pixels (t, h, w) of a token.
        width: Channels on the coarse grid, that of tokens; the fine grid has half as many, and a frame a quarter.
        depth: Number of residual blocks on the coarse grid.
        dtype: Type of activations; displacements and frames are float32.
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
        """Number of context frames, and their height and width in pixels."""
        (_, h, w), (st, sh, sw) = self.grid, self.stride
        return 1 + (self.context_latents - 1) * st, h * sh, w * sw

    @nn.compact
    def __call__(self, frames: Video) -> Guess:
        """Returns the first guess of the future.

        Args:
            frames: Context frames in [-1, 1], of ``context_shape``.

        Raises:
            ValueError: If there are more, fewer or other frames, or if the stride is no multiple of SIDE.
        """
        shape = (len(self.sizes), max(self.sizes), self.code_dim)
        codes = self.variable("codes", "codes", lambda: self.code_dim**-0.5 * random.normal(self.make_rng(), shape))
        seen = self.shrunk(self._required(frames)).astype(self.dtype)
        stream, pixels = self._context_features(seen)
        future = self._warp(seen, pixels)
        features = self._read(stream, future)
        guess = dense(shape[0] * shape[2], GUESS_SCALE, self.dtype, name="heads_guess")(features)
        guess = rearrange(guess.astype(jnp.float32), "b n (g e) -> b n g e", g=shape[0])
        return Guess(guess, features, codes.value, future)

    def flops(self, *, clips: int) -> float:
        """Returns the floating-point operations of guesses for ``clips`` clips, two for each weight and position.

        The warping, four sums for each pixel and frame, is not counted.
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
        """Returns frames averaged down to SIDE × SIDE pixels for each token."""
        _, sh, sw = self.stride
        return reduce(frames, "b t (h y) (w x) c -> b t h w c", "mean", y=sh // SIDE, x=sw // SIDE)

    def _required(self, frames: Video) -> Video:
        if any(side % SIDE for side in self.stride[1:]):
            raise ValueError(f"a tokenizer of stride {self.stride}: an outlook needs multiples of {SIDE} pixels")
        if frames.shape[1:4] != self.context_shape:
            there_are, needed = list(frames.shape[1:4]), list(self.context_shape)
            raise ValueError(f"frames {there_are}: a guess needs those of a context, {needed}")
        return frames

    def _context_features(self, seen: Video) -> tuple[Float[Array, "b 1 lh lw d"], Float[Array, "b y x e"]]:
        """Returns features on the grid of tokens, and on the finer grid.

        Each frame is encoded by itself first, with weights shared by all frames.
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
        """Returns features of each future token, from the warped frames and the context's features at its place."""
        latent_frames = self.grid[0] - self.context_latents
        pictures = rearrange(future, "b (n t) (h y) (w x) c -> b n h w (t y x c)", n=latent_frames, y=SIDE, x=SIDE)
        seen = dense(latent_frames * self.width, 1.0, self.dtype)(Norm()(stream))
        x = rearrange(seen, "b 1 h w (n d) -> b n h w d", n=latent_frames)
        x += dense(self.width, 1.0, self.dtype)(pictures.astype(self.dtype))
        for _ in range(READING_BLOCKS):
            x = Residual(1 / READING_BLOCKS)(x)
        return rearrange(Norm()(x), "b n h w d -> b (n h w) d")

    def _warp(self, seen: Video, pixels: Float[Array, "b y x e"]) -> Float[Array, "b future h w c"]:
        """Returns the warped future frames; at initialisation half the last frame and half the context's mean."""
        t, c = (self.grid[0] - self.context_latents) * self.stride[0], seen.shape[-1]
        motion = dense(FOLD**2 * (3 * t + 2 * c), GUESS_SCALE, self.dtype, name="heads_ways")(pixels)
        motion = rearrange(motion.astype(jnp.float32), "b h w (y x d) -> b (h y) (w x) d", y=FOLD, x=FOLD)
        speed, weights, colour, behind = jnp.split(motion, [2 * t, 3 * t, 3 * t + c], axis=-1)
        since = jnp.arange(1.0, t + 1)[:, None, None, None]
        moves = since * rearrange(speed, "b h w (t two) -> b t h w two", two=2)
        weights = rearrange(weights, "b h w t -> b t h w")
        seen = seen.astype(jnp.float32)
        return jax.vmap(splat)(seen[:, -1] + colour, moves, weights, jnp.mean(seen, axis=1) + behind)


def guess_tokens(guess: Guess, sizes: tuple[int, ...]) -> Tokens:
    """Returns the tokens whose codes are nearest to the expected vectors of a guess, digit by digit.

    Args:
        guess: A first guess.
        sizes: Number of codes of each digit.
    """
    digits = zip(jnp.moveaxis(guess.codes, -2, 0), guess.book, sizes, strict=True)
    return jnp.stack([argmax(-distances(codes, book[:size])) for codes, book, size in digits], axis=-1)


def distances(expected: Float[Array, "*b e"], book: Float[Array, "v e"]) -> Float[Array, "*b v"]:
    """Returns squared distances of codes from expected vectors, in units of the codes' variance.

    The squared norm of the expected vector, which is the same for all codes, is left out.
    """
    squared = jnp.sum(jnp.square(book), axis=-1) - 2 * expected @ book.T
    return squared / jnp.sum(jnp.var(book, axis=0))
