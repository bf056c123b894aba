"""MagVit: a causal 3D convolutional autoencoder with a quantized bottleneck.

Encoder and decoder mirror each other: stages of residual blocks, outermost first, between strides. Frame 0 is encoded
alone and every further latent frame from the frames up to its own, so ``T = 1 + s k`` frames give ``1 + k`` latent
frames and the tokens of a context never depend on its future.

A local encoder reads each patch alone, whatever stands around it, and leaves the rest to the decoder. Its tokens are
easier to predict: what does not move keeps its tokens. An encoder that sees far writes about one object into the tokens
of all places around it, and a quiet floor changes with everything that passes.

Source: MAGVIT-v2 (Yu et al. 2023), §3.2, figure 5; ours normalises each place by itself.
"""

import math

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Bool, Float

from futurepred_jax.arrays import Key, Latents, TokenGrid, Video
from futurepred_jax.models.layers import CausalConv, Norm, ResBlock, depth_to_space, space_to_depth
from futurepred_jax.models.lfq import LFQ
from futurepred_jax.models.quantizers import FSQ, VQ, Quantized

Stride = tuple[int, int, int]
POINT = (1, 1, 1)


class Encoder(nn.Module):
    """Video to latents; ``strides[i]`` stands before stage ``i``, the first folds pixels into channels."""

    channels: tuple[int, ...]
    blocks: tuple[int, ...]
    strides: tuple[Stride, ...]
    dim: int
    factorised: bool = True
    local: bool = False
    dtype: str = "float32"

    @nn.compact
    def __call__(self, video: Video, *, first: bool = True) -> Latents:
        """Encodes video in [-1, 1], or a chunk of one that is not its ``first``."""
        out = video.astype(self.dtype)
        kernel_sizes = (POINT, POINT) if self.local else _kernel_sizes(self.factorised)
        for i, (features, blocks, stride) in enumerate(zip(self.channels, self.blocks, self.strides, strict=True)):
            kernel_size = POINT if self.local else _kernel_size(stride)
            out = CausalConv(features, kernel_size, name=f"down_{i}")(space_to_depth(out, stride, first=first))
            for j in range(blocks):
                out = ResBlock(features, kernel_sizes, name=f"stage_{i}_{j}")(out)
        out = nn.silu(Norm(name="norm")(out))
        return CausalConv(self.dim, POINT, name="to_latents")(out).astype(jnp.float32)


class Decoder(nn.Module):
    """Latents to video: the encoder's stages in reverse."""

    channels: tuple[int, ...]
    blocks: tuple[int, ...]
    strides: tuple[Stride, ...]
    factorised: bool = True
    dtype: str = "float32"

    @nn.compact
    def __call__(self, latents: Latents, *, first: bool = True) -> Video:
        """Decodes to video, nominally in [-1, 1], or a chunk that is not the ``first``."""
        out = CausalConv(self.channels[-1], (1, 3, 3), name="from_latents")(latents.astype(self.dtype))
        stages = list(zip(self.channels, self.blocks, self.strides, strict=True))
        outer = (3, *self.channels[:-1])  # channels that the next stage outwards wants
        for i, (features, blocks, stride) in reversed(list(enumerate(stages))):
            for j in range(blocks):
                out = ResBlock(features, _kernel_sizes(self.factorised), name=f"stage_{i}_{j}")(out)
            if i == 0:
                out = nn.silu(Norm(name="norm")(out))
            out = CausalConv(outer[i] * math.prod(stride), _kernel_size(stride), name=f"up_{i}")(out)
            out = depth_to_space(out, stride, first=first)
        return out.astype(jnp.float32)


class MagVit(nn.Module):
    """The tokenizer.

    Attributes:
        channels: features of each stage, outermost first.
        blocks: residual blocks of each stage, in the encoder and again in the decoder.
        strides: what (t, h, w) are divided by before each stage.
        quantizer: VQ, FSQ or LFQ.
        factorised: a block's convolutions are 1×3×3 and 3×1×1 instead of twice 3×3×3, a third of the operations.
        local: a token is a function of its own patch of pixels alone; see the module.
        dtype: of activations; parameters, norms' statistics and the quantizer are float32.
    """

    channels: tuple[int, ...]
    blocks: tuple[int, ...]
    strides: tuple[Stride, ...]
    quantizer: VQ | FSQ | LFQ
    factorised: bool = True
    local: bool = False
    dtype: str = "float32"

    causal = True  # so that a clip can be taken in chunks, and a context's tokens know no future

    @property
    def stride(self) -> Stride:
        """What (t, h, w) are divided by in all."""
        return tuple(math.prod(axis) for axis in zip(*self.strides, strict=True))  # pyright: ignore

    def setup(self) -> None:
        """Builds the encoder and the decoder."""
        shape = {
            "channels": self.channels,
            "blocks": self.blocks,
            "strides": self.strides,
            "factorised": self.factorised,
            "dtype": self.dtype,
        }
        self.encoder = Encoder(dim=self.quantizer.dim, local=self.local, **shape)
        self.decoder = Decoder(**shape)

    def __call__(
        self, video: Video, *, train: bool = False, key: Key | None = None, active: Bool[Array, ""] | bool = True
    ) -> tuple[Video, Quantized]:
        """Encodes, quantizes and decodes.

        Args:
            video: frames in [-1, 1].
            train: whether the codebook follows the batch.
            key: for the codebook's revival, needed if ``train``.
            active: false leaves out the quantization (warm start).

        Returns:
            The reconstruction in [-1, 1] (not clipped) and the quantized latents.
        """
        quantized = self.quantize(self.latents(video), train=train, key=key, active=active)
        return self.decode_latents(quantized.latents), quantized

    def latents(self, video: Video) -> Latents:
        """Frames in [-1, 1] to what is quantized. Raises as ``encode``."""
        self.check(video.shape)
        return self.encoder(video)

    def quantize(
        self, latents: Latents, *, train: bool = False, key: Key | None = None, active: Bool[Array, ""] | bool = True
    ) -> Quantized:
        """Latents to codes; arguments as in ``__call__``. A codebook follows the whole batch at once."""
        return self.quantizer(latents, train=train, key=key, active=active)

    def encode(self, video: Video) -> TokenGrid:
        """Frames in [-1, 1] to tokens on the latent grid.

        Raises:
            ValueError: if the clip is not ``1 + s k`` frames long or its sides are not multiples of the stride.
        """
        return self.quantize(self.latents(video)).tokens

    def encode_chunk(self, video: Video, *, first: bool) -> TokenGrid:
        """A chunk of a clip to tokens, after the chunks whose past is given; see ``models.streaming``."""
        return self.quantize(self.encoder(video, first=first)).tokens

    def decode(self, tokens: TokenGrid, *, first: bool = True) -> Video:
        """Tokens to frames, clipped to [-1, 1]; of a chunk that is not the ``first``, as ``encode_chunk``."""
        return jnp.clip(self.decoder(self.quantizer.lookup(tokens), first=first), -1.0, 1.0)

    def decode_latents(self, latents: Latents) -> Video:
        """Latents, of codes or between them, to frames, nominally in [-1, 1]."""
        return self.decoder(latents)

    def codebooks(self) -> Float[Array, "g v d"]:
        """The vectors of the codes of each digit."""
        return self.quantizer.codebooks()

    def grid(self, frames: int, height: int, width: int) -> tuple[int, int, int]:
        """Latent (t, h, w) of a clip.

        Raises:
            ValueError: as ``encode``.
        """
        self.check((1, frames, height, width, 3))
        st, sh, sw = self.stride
        return 1 + (frames - 1) // st, height // sh, width // sw

    def check(self, shape: tuple[int, ...]) -> None:
        """Raises a ValueError that states the rule if a video of this shape [b t h w c] cannot be encoded."""
        _, frames, height, width, _ = shape
        st, sh, sw = self.stride
        if (frames - 1) % st:
            raise ValueError(f"clip of {frames} frames: MagVit needs 1 + {st}k, such as {1 + (frames - 1) // st * st}")
        if height % sh or width % sw:
            raise ValueError(f"frames of {height}×{width} pixels: MagVit needs multiples of {sh}×{sw}")


def _kernel_sizes(factorised: bool) -> tuple[tuple[int, int, int], ...]:
    return ((1, 3, 3), (3, 1, 1)) if factorised else ((3, 3, 3), (3, 3, 3))


def _kernel_size(stride: Stride) -> tuple[int, int, int]:
    """Patches of 4 × 4 and more overlap enough by the blocks that follow; smaller strides get a 3 × 3 window."""
    return POINT if stride[1] >= 4 else (3 if stride[0] == 1 else 1, 3, 3)
