"""MAGVIT's first tokenizer, for comparisons of reconstructions only, since its context tokens depend on the future.

Convolutions are padded on both sides and normalised over the whole clip, so that every token depends on all frames. A
predictor on such tokens would be given information about the future that it should predict.

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

GROUPS = 32  # largest number of groups of GroupNorm


class Block(nn.Module):
    """Residual block of two 3×3×3 convolutions."""

    features: int

    @nn.compact
    def __call__(self, video: Float[Array, "b t h w c"]) -> Float[Array, "b t h w d"]:
        """Returns the sum of the residual branch and the shortcut, projected where the width changes."""
        out = video
        for _ in range(2):
            out = SameConv(self.features, use_bias=False)(_normalised(out))
        if video.shape[-1] != self.features:
            video = SameConv(self.features, (1, 1, 1), use_bias=False)(video)
        return video + out


class EncoderV1(nn.Module):
    """Encoder from video to latents: stages of blocks with average pooling between them."""

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
    """Decoder from latents to video: the encoder's stages in reverse, with nearest upsampling between them."""

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
    """The tokenizer, for comparisons of reconstructions only, since its context tokens depend on the future.

    ``channels`` and ``blocks`` are those of its stages, outermost first, and ``strides`` those between the stages. All
    convolutions are 3×3×3; ``factorised`` and ``local`` have no effect.
    """

    causal = False

    def setup(self) -> None:
        """Declares the encoder and the decoder."""
        shape = {"channels": self.channels, "blocks": self.blocks, "strides": self.strides, "dtype": self.dtype}
        self.encoder = EncoderV1(dim=self.quantizer.dim, **shape)
        self.decoder = DecoderV1(**shape)

    def decode(self, tokens: TokenGrid, *, first: bool = True) -> Video:
        """Returns the frames of the tokens of a whole clip, clipped to [-1, 1]."""
        del first  # there are no chunks
        return jnp.clip(self.decode_latents(self.quantizer.lookup(tokens)), -1.0, 1.0)

    def grid(self, frames: int, height: int, width: int) -> tuple[int, int, int]:
        """Returns the latent frames, rows and columns of a clip of so many frames and pixels.

        Raises:
            ValueError: If the frames or the sides are not multiples of the stride.
        """
        self.check((1, frames, height, width, 3))
        st, sh, sw = self.stride
        return frames // st, height // sh, width // sw

    def check(self, shape: tuple[int, ...]) -> None:
        """Checks that a video of shape [b t h w c] can be encoded.

        Raises:
            ValueError: If it cannot; the message states the rule.
        """
        _, *sides, _ = shape
        if any(side % stride for side, stride in zip(sides, self.stride, strict=True)):
            found, wanted = ("×".join(map(str, axes)) for axes in (sides, self.stride))
            raise ValueError(f"clip of {found} frames and pixels: magvit_v1 needs multiples of {wanted}")


def _normalised(video: Float[Array, "b t h w c"]) -> Float[Array, "b t h w c"]:
    """Applies GroupNorm over the whole clip in float32, then swish."""
    return jax.nn.silu(nn.GroupNorm(math.gcd(GROUPS, video.shape[-1]))(video).astype(video.dtype))


def _repeated(video: Float[Array, "b t h w c"], stride: Stride) -> Float[Array, "b t2 h2 w2 c"]:
    t, h, w = stride
    return repeat(video, "b t h w c -> b (t pt) (h ph) (w pw) c", pt=t, ph=h, pw=w)
