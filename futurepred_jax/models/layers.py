"""Causal convolutions over space and time, and the layers between them."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from einops import rearrange
from flax import linen as nn
from jax import lax
from jaxtyping import Array, Float

from futurepred_jax.models.cpu import Pads, Size3, conv3d_of_2d, matmul_of_rows, max_of_taps

Initializer = Callable[..., Array]

PAST = "past"
"""The variable collection of the frames that the next chunk of a clip needs; see ``models.streaming``."""

fan_in = nn.initializers.variance_scaling(1.0, "fan_in", "truncated_normal")
"""LeCun's initialisation, with the fan-in over all taps of a kernel."""


def conv3d(
    video: Float[Array, "b t h w c"], kernel: Float[Array, "kt kh kw c d"], strides: Size3, pads: Pads
) -> Float[Array, "b t2 h2 w2 d"]:
    """Convolves in three dimensions, in the form that is fast on the platform compiled for.

    XLA has no fast 3D convolution on CPU, so there it is made of 2D convolutions and matrix products; TPU and GPU take
    the native one. Both agree within rounding.

    Args:
        video: The input.
        kernel: The kernel, with the taps of time, height and width first.
        strides: Strides in (t, h, w).
        pads: Zeros before and after each of the three axes.
    """
    how = {"strides": strides, "pads": pads}
    return lax.platform_dependent(
        video, kernel, cpu=partial(conv3d_of_2d, **how), default=partial(conv3d_native, **how)
    )


def matmul(x: Float[Array, "*b c"], matrix: Float[Array, "c *d"], out: Any = None) -> Float[Array, "..."]:
    """Multiplies the last axis by a matrix, in the form that is fast on the platform compiled for.

    Args:
        x: The input, with any leading axes.
        matrix: The matrix; it may have several output axes.
        out: Type of the sums and of the result; by default that of the operands.

    Returns:
        The product, with the leading axes of ``x`` and the output axes of ``matrix``.
    """
    typed = {"preferred_element_type": out}
    forms = {"cpu": partial(matmul_of_rows, **typed), "default": partial(jnp.tensordot, axes=1, **typed)}
    return lax.platform_dependent(x, matrix, **forms)


def max_pool(
    video: Float[Array, "b t h w c"], window: Size3, strides: Size3, pads: Pads
) -> Float[Array, "b t2 h2 w2 c"]:
    """Returns maxima over windows, padding excluded, in the form that is fast on the platform compiled for."""
    return lax.platform_dependent(
        video,
        cpu=partial(max_of_taps, window=window, strides=strides, pads=pads),
        default=partial(nn.max_pool, window_shape=window, strides=strides, padding=pads),  # pyright: ignore
    )


def conv3d_native(video: Array, kernel: Array, strides: Size3, pads: Pads) -> Array:
    """Convolves all three axes by one ``lax.conv_general_dilated``."""
    return lax.conv_general_dilated(video, kernel, strides, pads, dimension_numbers=("NTHWC", "THWIO", "NTHWC"))


def broadcast_channels(channels: Float[Array, " c"], shape: tuple[int, ...]) -> Float[Array, "b t h w c"]:
    """Broadcasts a vector of channels to a video's shape.

    The gradient is a sum over all places. On CPU it is computed as a product with ones, because XLA would fuse a sum
    with the computation of its summands; this took a sixth off a training step of the tokenizer of ``base``.
    """
    return _broadcast_channels(channels, shape)


def _spread(channels: Array, shape: tuple[int, ...]) -> tuple[Array, None]:
    return jnp.broadcast_to(channels, shape), None


def _gathered(shape: tuple[int, ...], _: None, cotangent: Float[Array, "b t h w c"]) -> tuple[Float[Array, " c"]]:
    places = cotangent.reshape(-1, shape[-1])
    with_ones = lambda places: (jnp.ones((1, len(places)), places.dtype) @ places)[0]  # noqa: E731
    return (lax.platform_dependent(places, cpu=with_ones, default=partial(jnp.sum, axis=0)),)


_broadcast_channels: Any = jax.custom_vjp(jnp.broadcast_to, nondiff_argnums=(1,))
_broadcast_channels.defvjp(_spread, _gathered)


def same_padding(size: int, window: int, stride: int) -> tuple[int, int]:
    """Returns the zeros before and after an axis for ``ceil(size / stride)`` outputs; an odd one comes after."""
    total = max(0, (-(-size // stride) - 1) * stride + window - size)
    return total // 2, total - total // 2


def extend_past(video: Float[Array, "b t h w c"], frames: int) -> Float[Array, "b t2 h w c"]:
    """Repeats the first frame ``frames`` times before the clip, as padding of causal convolutions."""
    return jnp.concatenate([video[:, :1]] * frames + [video], axis=1)


class CausalConv(nn.Module):
    """Causal 3D convolution: the output at time t depends on the inputs up to ``t * stride`` only.

    A clip of ``1 + s k`` frames gives ``1 + k`` outputs, where s is the stride in time.

    Source: MAGVIT-v2 §3.2 (temporally causal convolution), with the first frame repeated instead of zeros.
    """

    features: int
    kernel_size: Size3 = (3, 3, 3)
    strides: Size3 = (1, 1, 1)
    use_bias: bool = True
    kernel_init: Initializer = fan_in

    @nn.compact
    def __call__(self, video: Float[Array, "b t h w c"]) -> Float[Array, "b t2 h2 w2 d"]:
        """Repeats the first frame before the clip, or continues a chunk, then convolves as ``conv3d``."""
        kernel = self.param("kernel", self.kernel_init, (*self.kernel_size, video.shape[-1], self.features))
        height, width = map(same_padding, video.shape[2:4], self.kernel_size[1:], self.strides[1:])
        out = conv3d(self._extended(video), kernel.astype(video.dtype), self.strides, ((0, 0), height, width))
        if self.use_bias:
            bias = self.param("bias", nn.initializers.zeros, (self.features,)).astype(out.dtype)
            out += broadcast_channels(bias, out.shape)
        return out

    def _extended(self, video: Float[Array, "b t h w c"]) -> Float[Array, "b t2 h w c"]:
        """Returns the clip after its past frames; stores the past of the next chunk where PAST is mutable."""
        frames, continues = self.kernel_size[0] - 1, self.has_variable(PAST, "frames")
        if not frames:
            return video
        if continues:
            extended = jnp.concatenate([self.get_variable(PAST, "frames"), video], axis=1)
        else:
            extended = extend_past(video, frames)
        if self.is_mutable_collection(PAST) and not self.is_initializing():
            self.put_variable(PAST, "frames", extended[:, -frames:])
        return extended[:, self.strides[0] - 1 :] if continues else extended


class LayerNorm(nn.Module):
    """Flax's layer normalisation over channels, with parameters broadcast by ``broadcast_channels``."""

    @nn.compact
    def __call__(self, video: Float[Array, "b t h w c"]) -> Float[Array, "b t h w c"]:
        """Normalises in float32, with a learned scale and offset."""
        shape, video = video.shape[-1:], video.astype(jnp.float32)
        scale = self.param("scale", nn.initializers.ones, shape)
        offset = self.param("bias", nn.initializers.zeros, shape)
        mean, square = (x.mean(axis=-1, keepdims=True) for x in (video, jnp.square(video)))
        steepness = lax.rsqrt(jnp.maximum(0, square - jnp.square(mean)) + 1e-6)
        return (video - mean) * (steepness * broadcast_channels(scale, video.shape)) + broadcast_channels(
            offset, video.shape
        )


class Norm(nn.Module):
    """Layer normalisation over the channels of each place, without statistics over frames or places."""

    @nn.compact
    def __call__(self, video: Float[Array, "b t h w c"]) -> Float[Array, "b t h w c"]:
        """Normalises in float32 and returns the type of the input."""
        return LayerNorm()(video).astype(video.dtype)


class ResBlock(nn.Module):
    """Pre-activation residual block with one convolution for each of ``kernel_sizes``."""

    features: int
    kernel_sizes: tuple[Size3, ...] = ((3, 3, 3), (3, 3, 3))

    @nn.compact
    def __call__(self, video: Float[Array, "b t h w c"]) -> Float[Array, "b t h w d"]:
        """Returns the sum of the residual branch and the shortcut, projected where the width changes."""
        out = video
        for kernel_size in self.kernel_sizes:
            out = CausalConv(self.features, kernel_size)(nn.silu(Norm()(out)))
        if video.shape[-1] != self.features:
            video = CausalConv(self.features, (1, 1, 1), use_bias=False)(video)
        return video + out


def space_to_depth(
    video: Float[Array, "b t h w c"], patch: Size3, *, first: bool = True
) -> Float[Array, "b t2 h2 w2 d"]:
    """Folds patches into channels causally: ``1 + s k`` frames give ``1 + k``, the first one from frame 0 alone.

    Args:
        video: A clip or a chunk of one.
        patch: Frames and pixels (t, h, w) of a patch; its first value is the s of the lengths.
        first: Whether this is the first chunk of a clip. In a later chunk ``s k`` frames give ``k``.
    """
    pt, ph, pw = patch
    video = extend_past(video, pt - 1) if first else video
    return rearrange(video, "b (t pt) (h ph) (w pw) c -> b t h w (pt ph pw c)", pt=pt, ph=ph, pw=pw)


def depth_to_space(
    video: Float[Array, "b t h w d"], patch: Size3, *, first: bool = True
) -> Float[Array, "b t2 h2 w2 c"]:
    """Unfolds channels into patches, the inverse of ``space_to_depth``; the arguments are the same."""
    pt, ph, pw = patch
    video = rearrange(video, "b t h w (pt ph pw c) -> b (t pt) (h ph) (w pw) c", pt=pt, ph=ph, pw=pw)
    return video[:, pt - 1 :] if first else video
