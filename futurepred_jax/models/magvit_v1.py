"""MAGVIT's first tokenizer, for comparison. Reconstruction only: its context tokens see the future.

Convolutions are padded on both sides and normalised over the whole clip, so that every token depends on all frames. A
predictor on such tokens is told what it should predict.

Source: MAGVIT (Yu et al. 2022, arXiv:2212.05199), §3.1, appendix A.1 and its published configuration.
"""

import math

import jax
import jax.numpy as jnp
from einops import repeat
from flax import linen as nn
from jaxtyping import Array, Float

from futurepred_jax.arrays import Latents, TokenGrid, Video
from futurepred_jax.models.magvit import MagVit, Stride
from futurepred_jax.models.same import SameConv

GROUPS = 32  # of channels that are normalised together, at most


class Block(nn.Module):
    """Residual block of two 3×3×3 convolutions."""

    features: int

    @nn.compact
    def __call__(self, video: Float[Array, "b t h w c"]) -> Float[Array, "b t h w d"]:
        """Adds the residual; the shortcut is projected where the width changes."""
        out = video
        for _ in range(2):
            out = SameConv(self.features, use_bias=False)(_normalised(out))
        if video.shape[-1] != self.features:
            video = SameConv(self.features, (1, 1, 1), use_bias=False)(video)
        return video + out


class EncoderV1(nn.Module):
    """Video to latents: stages of blocks, means of patches between them."""

    channels: tuple[int, ...]
    blocks: tuple[int, ...]
    strides: tuple[Stride, ...]
    dim: int
    dtype: str = "float32"

    @nn.compact
    def __call__(self, video: Video) -> Latents:
        """Encodes video in [-1, 1]."""
        out = SameConv(self.channels[0], use_bias=False)(video.astype(self.dtype))
        for features, blocks, stride in zip(self.channels, self.blocks, (*self.strides, None), strict=True):
            for _ in range(blocks):
                out = Block(features)(out)
            out = nn.avg_pool(out, stride, stride) if stride else out
        for _ in range(self.blocks[-1]):
            out = Block(self.channels[-1])(out)
        return SameConv(self.dim, (1, 1, 1))(_normalised(out)).astype(jnp.float32)


class DecoderV1(nn.Module):
    """Latents to video: the encoder's stages in reverse, each place repeated and convolved between them."""

    channels: tuple[int, ...]
    blocks: tuple[int, ...]
    strides: tuple[Stride, ...]
    dtype: str = "float32"

    @nn.compact
    def __call__(self, latents: Latents) -> Video:
        """Decodes to video, nominally in [-1, 1]."""
        out = SameConv(self.channels[-1])(latents.astype(self.dtype))
        for _ in range(self.blocks[-1]):
            out = Block(self.channels[-1])(out)
        stages = zip(self.channels, self.blocks, (None, *self.strides), strict=True)
        for features, blocks, stride in reversed(list(stages)):
            for _ in range(blocks):
                out = Block(features)(out)
            if stride:
                out = SameConv(features)(_repeated(out, stride))
        return SameConv(3)(_normalised(out)).astype(jnp.float32)


class MagVitV1(MagVit):
    """The tokenizer. Reconstruction only: its context tokens see the future.

    ``channels`` and ``blocks`` are those of its stages, outermost first, ``strides`` stand between them. Its
    convolutions are 3×3×3 and see the whole clip: ``factorised`` and ``local`` say nothing here.
    """

    causal = False

    def setup(self) -> None:
        """Builds the encoder and the decoder."""
        shape = {"channels": self.channels, "blocks": self.blocks, "strides": self.strides, "dtype": self.dtype}
        self.encoder = EncoderV1(dim=self.quantizer.dim, **shape)
        self.decoder = DecoderV1(**shape)

    def decode(self, tokens: TokenGrid, *, first: bool = True) -> Video:
        """Tokens of a whole clip to frames, clipped to [-1, 1]."""
        del first  # there are no chunks
        return jnp.clip(self.decode_latents(self.quantizer.lookup(tokens)), -1.0, 1.0)

    def grid(self, frames: int, height: int, width: int) -> tuple[int, int, int]:
        """Latent (t, h, w) of a clip. Raises as ``check``."""
        self.check((1, frames, height, width, 3))
        st, sh, sw = self.stride
        return frames // st, height // sh, width // sw

    def check(self, shape: tuple[int, ...]) -> None:
        """Raises a ValueError that states the rule if a video of this shape [b t h w c] cannot be encoded."""
        _, *sides, _ = shape
        if any(side % stride for side, stride in zip(sides, self.stride, strict=True)):
            found, wanted = ("×".join(map(str, axes)) for axes in (sides, self.stride))
            raise ValueError(f"clip of {found} frames and pixels: magvit_v1 needs multiples of {wanted}")


def _normalised(video: Float[Array, "b t h w c"]) -> Float[Array, "b t h w c"]:
    """GroupNorm over the whole clip, in float32, then swish."""
    return jax.nn.silu(nn.GroupNorm(math.gcd(GROUPS, video.shape[-1]))(video).astype(video.dtype))


def _repeated(video: Float[Array, "b t h w c"], stride: Stride) -> Float[Array, "b t2 h2 w2 c"]:
    t, h, w = stride
    return repeat(video, "b t h w c -> b (t pt) (h ph) (w pw) c", pt=t, ph=h, pw=w)
