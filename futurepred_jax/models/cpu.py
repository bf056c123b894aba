"""Convolutions and pooling over space and time in forms that are fast on CPU; ``models.layers`` selects them."""

from collections.abc import Sequence
from functools import reduce
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
from einops import rearrange
from jax import lax
from jaxtyping import Array, Float

Size3 = tuple[int, int, int]
"""A size, a stride or a kernel size in (time, height, width)."""

Pads = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]
"""Padding before and after each of (time, height, width)."""

Plane = tuple[int, int]
PlanePads = tuple[tuple[int, int], tuple[int, int]]
"""Padding before and after each of (height, width)."""

PIXEL_CHANNELS = 4  # largest number of channels of a video that counts as pixels


def conv3d_of_2d(
    video: Float[Array, "b t h w c"], kernel: Float[Array, "kt kh kw c d"], strides: Size3, pads: Pads
) -> Float[Array, "b t2 h2 w2 d"]:
    """Computes a 3D convolution by matrix products and 2D convolutions.

    A kernel over time alone takes one of them, any other kernel one for each tap in time. A kernel with more taps in
    space than there are outputs of a frame is folded into the channels first, because XLA would swap image and kernel
    and run the result as scalar loops, many times slower.
    """
    places = [_count(*sizes) for sizes in zip(video.shape[2:4], kernel.shape[1:3], strides[1:], pads[1:], strict=True)]
    if prod(places) < prod(kernel.shape[1:3]):
        for axis in (3, 2):
            taps = _taps(video, axis, kernel.shape[axis - 1], strides[axis - 1], pads[axis - 1])
            video = jnp.concatenate(taps, axis=-1)
        return _over_time(video, rearrange(kernel, "t h w c d -> t (h w c) d"), strides[0], pads[0])
    if kernel.shape[1:3] == (1, 1) and not any(map(any, pads[1:])):
        return _over_time(video[:, :, :: strides[1], :: strides[2]], kernel[:, 0, 0], strides[0], pads[0])
    return _tap_by_tap(video, kernel, strides, pads)


def max_of_taps(
    video: Float[Array, "b t h w c"], window: Size3, strides: Size3, pads: Pads
) -> Float[Array, "b t2 h2 w2 c"]:
    """Computes maxima over windows, one axis after another; equal values share the gradient.

    XLA's own reduction over windows is as fast, but its gradient is many times slower on CPU.
    """
    for axis, sizes in enumerate(zip(window, strides, pads, strict=True), start=1):
        video = reduce(jnp.maximum, _taps(video, axis, *sizes, fill=-jnp.inf))
    return video


def _over_time(
    video: Float[Array, "b t h w c"], kernel: Float[Array, "kt c d"], step: int, pads: tuple[int, int]
) -> Float[Array, "b t2 h w d"]:
    """Convolves over time: as one product, if that makes no more channels than there are, else in 2D over (t, h w)."""
    taps, channels, features = kernel.shape
    if taps == 1:
        return matmul_of_rows(_taps(video, 1, 1, step, pads)[0], kernel[0])
    if step == 1 and taps * features <= channels:
        parts = _taps(matmul_of_rows(video, rearrange(kernel, "t c d -> c (t d)")), 1, taps, step, pads)
        return _sum([part[..., i * features : (i + 1) * features] for i, part in enumerate(parts)])
    rows = rearrange(video, "b t h w c -> b t (h w) c")
    out = _conv2d(rows, kernel[:, None], (step, 1), (pads, (0, 0)))
    return rearrange(out, "b t (h w) d -> b t h w d", h=video.shape[2])


def _tap_by_tap(video: Array, kernel: Array, strides: Size3, pads: Pads) -> Float[Array, "b t2 h2 w2 d"]:
    """Sums 2D convolutions over the taps in time; for pixels, one convolution has the channels of all taps."""
    frames, kernels = _taps(video, 1, kernel.shape[0], strides[0], pads[0]), list(kernel)
    conv = _conv2d
    if video.shape[-1] <= PIXEL_CHANNELS:
        frames, kernels = [jnp.concatenate(frames, axis=-1)], [jnp.concatenate(kernels, axis=-2)]
        conv = _conv2d if strides[1:] == (1, 1) else _conv2d_of_pixels
    images = [rearrange(frame, "b t h w c -> (b t) h w c") for frame in frames]
    parts = [conv(*pair, strides[1:], pads[1:]) for pair in zip(images, kernels, strict=True)]
    return rearrange(_sum(parts), "(b t) h w d -> b t h w d", b=video.shape[0])


def matmul_of_rows(
    x: Float[Array, "*b c"], matrix: Float[Array, "c *d"], preferred_element_type: Any = None
) -> Float[Array, "..."]:
    """Multiplies the last axis by a matrix, with all leading axes as one; see ``layers.matmul``.

    With several leading axes XLA would transpose the input for the gradient of the matrix: SwiGLU with its gradients
    took 125 ms, and with one leading axis 87 ms, for 2 × 1,024 rows of 288 channels on one core. With the compiler
    option of ``factory.jobs``, products of five dimensions are many times slower.
    """
    rows = jnp.tensordot(x.reshape(-1, x.shape[-1]), matrix, 1, preferred_element_type=preferred_element_type)
    return rows.reshape(*x.shape[:-1], *matrix.shape[1:])


def _taps(
    video: Array, axis: int, size: int, step: int, pads: tuple[int, int], *, fill: float = 0
) -> list[Float[Array, "b _ _ _ c"]]:
    """Returns, for each tap of a window along one axis, the input of all windows at that tap."""
    count = _count(video.shape[axis], size, step, pads)
    if any(pads):
        video = jnp.pad(video, [pads if i == axis else (0, 0) for i in range(video.ndim)], constant_values=fill)
    return [lax.slice_in_dim(video, i, i + step * (count - 1) + 1, step, axis) for i in range(size)]


def _count(length: int, size: int, step: int, pads: tuple[int, int]) -> int:
    """Returns the number of windows along an axis."""
    return (length + sum(pads) - size) // step + 1


def _sum(parts: Sequence[Array]) -> Array:
    return reduce(jnp.add, parts)


def _conv2d(image: Array, kernel: Array, strides: Sequence[int], pads: Sequence[tuple[int, int]]) -> Array:
    return lax.conv_general_dilated(image, kernel, strides, pads, dimension_numbers=("NHWC", "HWIO", "NHWC"))


def _conv2d_and_inputs(image: Array, kernel: Array, strides: Plane, pads: PlanePads) -> tuple[Array, Any]:
    return _conv2d(image, kernel, strides, pads), (image, kernel)


def _gradients(strides: Plane, pads: PlanePads, inputs: tuple[Array, Array], cotangent: Array) -> tuple[Array, Array]:
    image, kernel = inputs
    _, of_image = jax.vjp(lambda image: _folded_conv2d(image, kernel, strides, pads), image)
    _, of_kernel = jax.vjp(lambda kernel: _conv2d(image, kernel, strides, pads), kernel)
    return *of_image(cotangent), *of_kernel(cotangent)


_conv2d_of_pixels: Any = jax.custom_vjp(_conv2d, nondiff_argnums=(2, 3))
"""A strided convolution that takes the gradient of the image from the folded form.

XLA's own gradient is a convolution of the cotangent with zeros between its places: 112 ms where this one takes 18 ms,
for 36 images of 64² pixels with 15 channels and 16 kernels of 7².
"""
_conv2d_of_pixels.defvjp(_conv2d_and_inputs, _gradients)


def _folded_conv2d(image: Array, kernel: Array, strides: Plane, pads: PlanePads) -> Array:
    """Convolves without strides, after patches of the stride's size were folded into channels in image and kernel.

    It is slower than ``_conv2d``, and so is its gradient of the kernel.
    """
    taps = [-(-size // step) for size, step in zip(kernel.shape, strides, strict=False)]
    counts = [_count(*sizes) for sizes in zip(image.shape[1:3], kernel.shape, strides, pads, strict=False)]
    rows, columns = [
        (before, step * (count - 1 + tap) - size - before, 0)  # negative where no window reaches the last pixels
        for size, step, count, tap, (before, _) in zip(image.shape[1:3], strides, counts, taps, pads, strict=True)
    ]
    image = lax.pad(image, jnp.zeros((), image.dtype), [(0, 0, 0), rows, columns, (0, 0, 0)])
    whole = [(0, tap * step - size) for size, tap, step in zip(kernel.shape, taps, strides, strict=False)]
    kernel = jnp.pad(kernel, [*whole, (0, 0), (0, 0)])
    fold = {"y": strides[0], "x": strides[1]}
    image = rearrange(image, "b (h y) (w x) c -> b h w (y x c)", **fold)
    return _conv2d(image, rearrange(kernel, "(h y) (w x) c d -> h w (y x c) d", **fold), (1, 1), ((0, 0), (0, 0)))
