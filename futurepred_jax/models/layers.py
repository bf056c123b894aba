"""Convolutions over space and time that never look ahead, and what goes between them."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from einops import rearrange
from flax import linen as nn
from jax import lax
from jaxtyping import Array, Float

from futurepred_jax.models.cpu import Pads, Window, conv3d_of_2d, max_of_taps, product_of_rows

Initializer = Callable[..., Array]

PAST = "past"
"""The collection in which layers keep the frames that the next chunk of a clip needs; see ``models.streaming``."""

fan_in = nn.initializers.variance_scaling(1.0, "fan_in", "truncated_normal")
"""LeCun's initialisation with the fan-in over all taps."""


def conv3d(
    video: Float[Array, "b t h w c"], kernel: Float[Array, "kt kh kw c d"], strides: Window, pads: Pads
) -> Float[Array, "b t2 h2 w2 d"]:
    """3D convolution in the form that is fast on the platform compiled for.

    XLA's CPU backend has no fast 3D convolution, so there it is made of 2D ones and of products; TPU and GPU take the
    native one. Both agree within rounding.
    """
    how = {"strides": strides, "pads": pads}
    return lax.platform_dependent(
        video, kernel, cpu=partial(conv3d_of_2d, **how), default=partial(conv3d_native, **how)
    )


def product(x: Float[Array, "*b c"], matrix: Float[Array, "c *d"], out: Any = None) -> Float[Array, "..."]:
    """A matrix applied to the last axis, in the form that is fast on the platform compiled for.

    Args:
        x: Of any leading axes.
        matrix: See above; with several axes of outputs, they are those of what comes out.
        out: Type of the sums and of what comes out; by default that of the operands.
    """
    typed = {"preferred_element_type": out}
    forms = {"cpu": partial(product_of_rows, **typed), "default": partial(jnp.tensordot, axes=1, **typed)}
    return lax.platform_dependent(x, matrix, **forms)


def max_pool(
    video: Float[Array, "b t h w c"], window: Window, strides: Window, pads: Pads
) -> Float[Array, "b t2 h2 w2 c"]:
    """Maxima of the places that exist, in the form that is fast on the platform compiled for."""
    return lax.platform_dependent(
        video,
        cpu=partial(max_of_taps, window=window, strides=strides, pads=pads),
        default=partial(nn.max_pool, window_shape=window, strides=strides, padding=pads),  # pyright: ignore
    )


def conv3d_native(video: Array, kernel: Array, strides: Window, pads: Pads) -> Array:
    """One ``lax.conv_general_dilated`` over all three axes."""
    return lax.conv_general_dilated(video, kernel, strides, pads, dimension_numbers=("NTHWC", "THWIO", "NTHWC"))


def everywhere(channels: Float[Array, " c"], shape: tuple[int, ...]) -> Float[Array, "b t h w c"]:
    """The same channels at every place.

    Their gradient is a sum over places, with which XLA's CPU backend fuses whatever made each place's share; there it
    is a product with ones instead, which took a sixth off a training step of the tokenizer of ``base``.
    """
    return _everywhere(channels, shape)


def _spread(channels: Array, shape: tuple[int, ...]) -> tuple[Array, None]:
    return jnp.broadcast_to(channels, shape), None


def _gathered(shape: tuple[int, ...], _: None, cotangent: Float[Array, "b t h w c"]) -> tuple[Float[Array, " c"]]:
    places = cotangent.reshape(-1, shape[-1])
    product = lambda places: (jnp.ones((1, len(places)), places.dtype) @ places)[0]  # noqa: E731
    return (lax.platform_dependent(places, cpu=product, default=partial(jnp.sum, axis=0)),)


_everywhere: Any = jax.custom_vjp(jnp.broadcast_to, nondiff_argnums=(1,))
_everywhere.defvjp(_spread, _gathered)


def same(size: int, window: int, stride: int) -> tuple[int, int]:
    """Zeros before and after an axis so that ``ceil(size / stride)`` positions come out, the odd one after."""
    total = max(0, (-(-size // stride) - 1) * stride + window - size)
    return total // 2, total - total // 2


def extend_past(video: Float[Array, "b t h w c"], frames: int) -> Float[Array, "b t2 h w c"]:
    """Repeats the first frame before the clip: the past that causal windows need, for one image too."""
    return jnp.concatenate([video[:, :1]] * frames + [video], axis=1)


class CausalConv(nn.Module):
    """3D convolution whose output at time t sees inputs to ``t * stride`` only; ``T = 1 + s k`` frames give ``1 + k``.

    Source: MAGVIT-v2 §3.2 (temporally causal convolution), with the first frame repeated instead of zeros.
    """

    features: int
    kernel: tuple[int, int, int] = (3, 3, 3)
    strides: tuple[int, int, int] = (1, 1, 1)
    use_bias: bool = True
    kernel_init: Initializer = fan_in

    @nn.compact
    def __call__(self, video: Float[Array, "b t h w c"]) -> Float[Array, "b t2 h2 w2 d"]:
        """Repeats the first frame before the clip, or continues a chunk, then convolves as ``conv3d``."""
        kernel = self.param("kernel", self.kernel_init, (*self.kernel, video.shape[-1], self.features))
        height, width = map(same, video.shape[2:4], self.kernel[1:], self.strides[1:])
        out = conv3d(self._extended(video), kernel.astype(video.dtype), self.strides, ((0, 0), height, width))
        if self.use_bias:
            bias = self.param("bias", nn.initializers.zeros, (self.features,)).astype(out.dtype)
            out += everywhere(bias, out.shape)
        return out

    def _extended(self, video: Float[Array, "b t h w c"]) -> Float[Array, "b t2 h w c"]:
        """The clip after the past that its windows see; the next chunk's past is kept where PAST is mutable."""
        frames, continues = self.kernel[0] - 1, self.has_variable(PAST, "frames")
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
    """Flax's layer normalisation over channels, its parameters spread by ``everywhere``."""

    @nn.compact
    def __call__(self, video: Float[Array, "b t h w c"]) -> Float[Array, "b t h w c"]:
        """Normalises in float32, with a learned scale and offset."""
        shape, video = video.shape[-1:], video.astype(jnp.float32)
        scale = self.param("scale", nn.initializers.ones, shape)
        offset = self.param("bias", nn.initializers.zeros, shape)
        mean, square = (x.mean(axis=-1, keepdims=True) for x in (video, jnp.square(video)))
        steepness = lax.rsqrt(jnp.maximum(0, square - jnp.square(mean)) + 1e-6)
        return (video - mean) * (steepness * everywhere(scale, video.shape)) + everywhere(offset, video.shape)


class Norm(nn.Module):
    """Layer normalisation over the channels of each place: neither frames nor places tell each other anything."""

    @nn.compact
    def __call__(self, video: Float[Array, "b t h w c"]) -> Float[Array, "b t h w c"]:
        """Normalises in float32, and gives what type it got."""
        return LayerNorm()(video).astype(video.dtype)


class ResBlock(nn.Module):
    """Pre-activation residual block of one convolution for each of ``kernels``."""

    features: int
    kernels: tuple[tuple[int, int, int], ...] = ((3, 3, 3), (3, 3, 3))

    @nn.compact
    def __call__(self, video: Float[Array, "b t h w c"]) -> Float[Array, "b t h w d"]:
        """Adds the residual; the shortcut is projected where the width changes."""
        out = video
        for kernel in self.kernels:
            out = CausalConv(self.features, kernel)(nn.silu(Norm()(out)))
        if video.shape[-1] != self.features:
            video = CausalConv(self.features, (1, 1, 1), use_bias=False)(video)
        return video + out


def space_to_depth(
    video: Float[Array, "b t h w c"], patch: tuple[int, int, int], *, first: bool = True
) -> Float[Array, "b t2 h2 w2 d"]:
    """Folds patches into channels, causally: ``1 + s k`` frames give ``1 + k``, the first from frame 0 alone.

    Of a chunk that is not a clip's ``first``, ``s k`` frames give ``k``.
    """
    pt, ph, pw = patch
    video = extend_past(video, pt - 1) if first else video
    return rearrange(video, "b (t pt) (h ph) (w pw) c -> b t h w (pt ph pw c)", pt=pt, ph=ph, pw=pw)


def depth_to_space(
    video: Float[Array, "b t h w d"], patch: tuple[int, int, int], *, first: bool = True
) -> Float[Array, "b t2 h2 w2 c"]:
    """The inverse of ``space_to_depth``: unfolds channels, then drops the frames before a clip's first."""
    pt, ph, pw = patch
    video = rearrange(video, "b t h w (pt ph pw c) -> b (t pt) (h ph) (w pw) c", pt=pt, ph=ph, pw=pw)
    return video[:, pt - 1 :] if first else video
