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
from jaxtyping import Array, Bool, Float

from futurepred_jax.arrays import Key, Latents, TokenGrid, Video
from futurepred_jax.models.lfq import LFQ
from futurepred_jax.models.quantizers import FSQ, VQ, Quantized
from futurepred_jax.models.same import SameConv

Stride = tuple[int, int, int]
STRIDES: tuple[Stride, ...] = ((2, 2, 2), (2, 2, 2), (1, 2, 2))  # between the four stages, outermost first
STRIDE: Stride = (4, 8, 8)
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

    filters: int
    multipliers: tuple[int, ...]
    blocks: int
    dim: int
    dtype: str = "float32"

    @nn.compact
    def __call__(self, video: Video) -> Latents:
        """Encodes video in [-1, 1]."""
        out = SameConv(self.filters, use_bias=False)(video.astype(self.dtype))
        for multiplier, stride in zip(self.multipliers, (*STRIDES, None), strict=True):
            for _ in range(self.blocks):
                out = Block(self.filters * multiplier)(out)
            out = nn.avg_pool(out, stride, stride) if stride else out
        for _ in range(self.blocks):
            out = Block(self.filters * self.multipliers[-1])(out)
        return SameConv(self.dim, (1, 1, 1))(_normalised(out)).astype(jnp.float32)


class DecoderV1(nn.Module):
    """Latents to video: the encoder's stages in reverse, each place repeated and convolved between them."""

    filters: int
    multipliers: tuple[int, ...]
    blocks: int
    dtype: str = "float32"

    @nn.compact
    def __call__(self, latents: Latents) -> Video:
        """Decodes to video, nominally in [-1, 1]."""
        out = SameConv(self.filters * self.multipliers[-1])(latents.astype(self.dtype))
        for _ in range(self.blocks):
            out = Block(self.filters * self.multipliers[-1])(out)
        for multiplier, stride in reversed(list(zip(self.multipliers, (None, *STRIDES), strict=True))):
            for _ in range(self.blocks):
                out = Block(self.filters * multiplier)(out)
            if stride:
                out = SameConv(self.filters * multiplier)(_repeated(out, stride))
        return SameConv(3)(_normalised(out)).astype(jnp.float32)


class MagVitV1(nn.Module):
    """The tokenizer, with the methods of ``MagVit``. Reconstruction only: its context tokens see the future.

    Attributes:
        quantizer: VQ, FSQ or LFQ.
        filters: features at full resolution.
        multipliers: features of each of the four stages over ``filters``.
        blocks: residual blocks of each stage, and at the bottleneck.
        dtype: of activations; parameters, norms' statistics and the quantizer are float32.
    """

    quantizer: VQ | FSQ | LFQ
    filters: int = 64
    multipliers: tuple[int, ...] = (1, 2, 2, 4)
    blocks: int = 2
    dtype: str = "float32"

    @property
    def stride(self) -> Stride:
        """What (t, h, w) are divided by in all."""
        return STRIDE

    def setup(self):
        """Builds the encoder and the decoder."""
        shape = {"filters": self.filters, "multipliers": self.multipliers, "blocks": self.blocks, "dtype": self.dtype}
        self.encoder = EncoderV1(dim=self.quantizer.dim, **shape)
        self.decoder = DecoderV1(**shape)

    def __call__(
        self, video: Video, *, train: bool = False, key: Key | None = None, active: Bool[Array, ""] | bool = True
    ) -> tuple[Video, Quantized]:
        """Encodes, quantizes and decodes, as ``MagVit``."""
        quantized = self.quantize(self.latents(video), train=train, key=key, active=active)
        return self.draw(quantized.latents), quantized

    def latents(self, video: Video) -> Latents:
        """Frames in [-1, 1] to what is quantized. Raises as ``check``."""
        self.check(video.shape)
        return self.encoder(video)

    def quantize(
        self, latents: Latents, *, train: bool = False, key: Key | None = None, active: Bool[Array, ""] | bool = True
    ) -> Quantized:
        """Latents to codes; arguments as in ``MagVit``."""
        return self.quantizer(latents, train=train, key=key, active=active)

    def encode(self, video: Video) -> TokenGrid:
        """Frames in [-1, 1] to tokens. Raises as ``check``."""
        return self.quantize(self.latents(video)).tokens

    def decode(self, tokens: TokenGrid) -> Video:
        """Tokens to frames, clipped to [-1, 1]."""
        return jnp.clip(self.draw(self.quantizer.lookup(tokens)), -1.0, 1.0)

    def draw(self, latents: Latents) -> Video:
        """Latents to frames, nominally in [-1, 1]."""
        return self.decoder(latents)

    def codebooks(self) -> Float[Array, "g v d"]:
        """The vectors of the codes of each digit."""
        return self.quantizer.codebooks()

    def grid(self, frames: int, height: int, width: int) -> tuple[int, int, int]:
        """Latent (t, h, w) of a clip. Raises as ``check``."""
        self.check((1, frames, height, width, 3))
        st, sh, sw = STRIDE
        return frames // st, height // sh, width // sw

    def check(self, shape: tuple[int, ...]) -> None:
        """Raises a ValueError that states the rule if a video of this shape [b t h w c] cannot be encoded."""
        _, *sides, _ = shape
        if any(side % stride for side, stride in zip(sides, STRIDE, strict=True)):
            found, wanted = ("×".join(map(str, axes)) for axes in (sides, STRIDE))
            raise ValueError(f"clip of {found} frames and pixels: magvit_v1 needs multiples of {wanted}")


def _normalised(video: Float[Array, "b t h w c"]) -> Float[Array, "b t h w c"]:
    """GroupNorm over the whole clip, in float32, then swish."""
    return jax.nn.silu(nn.GroupNorm(math.gcd(GROUPS, video.shape[-1]))(video).astype(video.dtype))


def _repeated(video: Float[Array, "b t h w c"], stride: Stride) -> Float[Array, "b t2 h2 w2 c"]:
    t, h, w = stride
    return repeat(video, "b t h w c -> b (t pt) (h ph) (w pw) c", pt=t, ph=h, pw=w)
