"""MagVit: a causal 3D convolutional autoencoder with a quantized bottleneck.

Encoder and decoder mirror each other: stages of residual blocks, outermost first, between strides. The first latent
frame is made of frame 0 alone, and each further one of the frames up to its own. ``T = 1 + s k`` frames therefore give
``1 + k`` latent frames, and the tokens of a context never depend on its future.

A local encoder reads each patch of pixels by itself and leaves context to the decoder. Its tokens are easier to
predict, because a patch that does not change keeps its tokens. An encoder with a large receptive field changes the
tokens of the background around every moving object.

Source: MAGVIT-v2 (Yu et al. 2023), §3.2, figure 5; here normalisation is over the channels of each place only.
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
    """Encoder from video to latents; ``strides[i]`` precedes stage ``i``, and the first folds pixels into channels."""

    channels: tuple[int, ...]
    blocks: tuple[int, ...]
    strides: tuple[Stride, ...]
    dim: int
    factorised: bool = True
    local: bool = False
    dtype: str = "float32"

    @nn.compact
    def __call__(self, video: Video, *, first: bool = True) -> Latents:
        """Encodes a clip or a chunk of one.

        Args:
            video: Frames in [-1, 1].
            first: Whether the chunk is the first of its clip.
        """
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
    """Decoder from latents to video, with the encoder's stages in reverse."""

    channels: tuple[int, ...]
    blocks: tuple[int, ...]
    strides: tuple[Stride, ...]
    factorised: bool = True
    dtype: str = "float32"

    @nn.compact
    def __call__(self, latents: Latents, *, first: bool = True) -> Video:
        """Decodes a clip or a chunk of one, to frames nominally in [-1, 1].

        Args:
            latents: Latents of the codes.
            first: Whether the chunk is the first of its clip.
        """
        out = CausalConv(self.channels[-1], (1, 3, 3), name="from_latents")(latents.astype(self.dtype))
        stages = list(zip(self.channels, self.blocks, self.strides, strict=True))
        outer = (3, *self.channels[:-1])  # channels of the next stage outwards
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
        channels: Channels of each stage, outermost first.
        blocks: Number of residual blocks of each stage, in the encoder and again in the decoder.
        strides: Factors that (t, h, w) are divided by before each stage.
        quantizer: VQ, FSQ or LFQ.
        factorised: Whether a block has convolutions of 1×3×3 and 3×1×1 instead of two of 3×3×3, for a third of the
            operations.
        local: Whether a token depends on its own patch of pixels alone.
        dtype: Type of activations; parameters, norms' statistics and the quantizer are float32.
    """

    channels: tuple[int, ...]
    blocks: tuple[int, ...]
    strides: tuple[Stride, ...]
    quantizer: VQ | FSQ | LFQ
    factorised: bool = True
    local: bool = False
    dtype: str = "float32"

    causal = True  # clips can be encoded in chunks, and the tokens of a context do not depend on its future

    @property
    def stride(self) -> Stride:
        """Frames and pixels (t, h, w) of a token: the product of all strides."""
        return tuple(math.prod(axis) for axis in zip(*self.strides, strict=True))  # pyright: ignore

    def setup(self) -> None:
        """Declares the encoder and the decoder."""
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
            video: Frames in [-1, 1].
            train: Whether the codebook is updated.
            key: Random key for the revival of codes, needed if ``train`` is set.
            active: Whether latents are quantized; false is a warm-up step.

        Returns:
            The reconstruction, nominally in [-1, 1] but not clipped, and the quantized latents.

        Raises:
            ValueError: If the clip is not ``1 + s k`` frames long or its sides are not multiples of the stride.
        """
        quantized = self.quantize(self.latents(video), train=train, key=key, active=active)
        return self.decode_latents(quantized.latents), quantized

    def latents(self, video: Video) -> Latents:
        """Returns the encoder's output for frames in [-1, 1].

        Raises:
            ValueError: If the clip is not ``1 + s k`` frames long or its sides are not multiples of the stride.
        """
        self.check(video.shape)
        return self.encoder(video)

    def quantize(
        self, latents: Latents, *, train: bool = False, key: Key | None = None, active: Bool[Array, ""] | bool = True
    ) -> Quantized:
        """Quantizes latents of a whole batch; the other arguments are those of ``__call__``."""
        return self.quantizer(latents, train=train, key=key, active=active)

    def encode(self, video: Video) -> TokenGrid:
        """Returns the tokens of frames in [-1, 1].

        Raises:
            ValueError: If the clip is not ``1 + s k`` frames long or its sides are not multiples of the stride.
        """
        return self.quantize(self.latents(video)).tokens

    def encode_chunk(self, video: Video, *, first: bool) -> TokenGrid:
        """Returns the tokens of a chunk of a clip; ``models.streaming`` passes the state of earlier chunks."""
        return self.quantize(self.encoder(video, first=first)).tokens

    def decode(self, tokens: TokenGrid, *, first: bool = True) -> Video:
        """Returns the frames of tokens, clipped to [-1, 1], of a clip or of a chunk; ``first`` marks the first one."""
        return jnp.clip(self.decoder(self.quantizer.lookup(tokens), first=first), -1.0, 1.0)

    def decode_latents(self, latents: Latents) -> Video:
        """Returns the frames of latents, nominally in [-1, 1]; the latents need not be those of codes."""
        return self.decoder(latents)

    def codebooks(self) -> Float[Array, "g v d"]:
        """Returns the vectors of the codes of each digit."""
        return self.quantizer.codebooks()

    def grid(self, frames: int, height: int, width: int) -> tuple[int, int, int]:
        """Returns the latent frames, rows and columns of a clip of so many frames and pixels.

        Raises:
            ValueError: If the clip is not ``1 + s k`` frames long or its sides are not multiples of the stride.
        """
        self.check((1, frames, height, width, 3))
        st, sh, sw = self.stride
        return 1 + (frames - 1) // st, height // sh, width // sw

    def check(self, shape: tuple[int, ...]) -> None:
        """Checks that a video of shape [b t h w c] can be encoded.

        Raises:
            ValueError: If it cannot; the message states the rule.
        """
        _, frames, height, width, _ = shape
        st, sh, sw = self.stride
        if (frames - 1) % st:
            raise ValueError(f"clip of {frames} frames: MagVit needs 1 + {st}k, such as {1 + (frames - 1) // st * st}")
        if height % sh or width % sw:
            raise ValueError(f"frames of {height}×{width} pixels: MagVit needs multiples of {sh}×{sw}")


def _kernel_sizes(factorised: bool) -> tuple[tuple[int, int, int], ...]:
    return ((1, 3, 3), (3, 1, 1)) if factorised else ((3, 3, 3), (3, 3, 3))


def _kernel_size(stride: Stride) -> tuple[int, int, int]:
    """Returns 1 × 1 for patches of 4 × 4 and more, which the blocks mix, and 3 × 3 for smaller strides."""
    return POINT if stride[1] >= 4 else (3 if stride[0] == 1 else 1, 3, 3)
