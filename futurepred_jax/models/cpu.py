"""Windows over space and time in the forms that XLA's CPU backend runs fast; ``models.layers`` chooses them."""

from collections.abc import Sequence
from functools import reduce
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
from einops import rearrange
from jax import lax
from jaxtyping import Array, Float

Window = tuple[int, int, int]
Pads = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]
"""Places before and after time, height and width."""

Plane = tuple[int, int]
PlanePads = tuple[tuple[int, int], tuple[int, int]]
"""The same of height and width alone."""

PIXEL_CHANNELS = 4  # at most


def conv3d_of_2d(
    video: Float[Array, "b t h w c"], kernel: Float[Array, "kt kh kw c d"], strides: Window, pads: Pads
) -> Float[Array, "b t2 h2 w2 d"]:
    """3D convolution as products and 2D convolutions: one for windows of time alone, else one for each time tap.

    Windows with more places than come out of a frame are folded into the channels first. Of those, XLA would exchange
    image and window and run the result as plain loops, many times slower.
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
    video: Float[Array, "b t h w c"], window: Window, strides: Window, pads: Pads
) -> Float[Array, "b t2 h2 w2 c"]:
    """Maxima over windows, one axis after another; places with equal values share the gradient.

    XLA's own reduction over windows is as fast forward, but its gradient many times slower on CPU.
    """
    for axis, sizes in enumerate(zip(window, strides, pads, strict=True), start=1):
        video = reduce(jnp.maximum, _taps(video, axis, *sizes, fill=-jnp.inf))
    return video


def _over_time(
    video: Float[Array, "b t h w c"], kernel: Float[Array, "kt c d"], step: int, pads: tuple[int, int]
) -> Float[Array, "b t2 h w d"]:
    """A product where that makes no more channels than there are, its taps added afterwards; else 2D over (t, h w)."""
    taps, channels, features = kernel.shape
    if taps == 1:
        return product_of_rows(_taps(video, 1, 1, step, pads)[0], kernel[0])
    if step == 1 and taps * features <= channels:
        parts = _taps(product_of_rows(video, rearrange(kernel, "t c d -> c (t d)")), 1, taps, step, pads)
        return _sum([part[..., i * features : (i + 1) * features] for i, part in enumerate(parts)])
    rows = rearrange(video, "b t h w c -> b t (h w) c")
    out = _conv2d(rows, kernel[:, None], (step, 1), (pads, (0, 0)))
    return rearrange(out, "b t (h w) d -> b t h w d", h=video.shape[2])


def _tap_by_tap(video: Array, kernel: Array, strides: Window, pads: Pads) -> Float[Array, "b t2 h2 w2 d"]:
    """The sum over time taps of 2D convolutions; of pixels, a single one, whose channels are those of all taps."""
    frames, kernels = _taps(video, 1, kernel.shape[0], strides[0], pads[0]), list(kernel)
    conv = _conv2d
    if video.shape[-1] <= PIXEL_CHANNELS:
        frames, kernels = [jnp.concatenate(frames, axis=-1)], [jnp.concatenate(kernels, axis=-2)]
        conv = _conv2d if strides[1:] == (1, 1) else _conv2d_of_pixels
    images = [rearrange(frame, "b t h w c -> (b t) h w c") for frame in frames]
    parts = [conv(*pair, strides[1:], pads[1:]) for pair in zip(images, kernels, strict=True)]
    return rearrange(_sum(parts), "(b t) h w d -> b t h w d", b=video.shape[0])


def product_of_rows(
    x: Float[Array, "*b c"], matrix: Float[Array, "c *d"], preferred_element_type: Any = None
) -> Float[Array, "..."]:
    """A product of two matrices, whatever the other axes; see ``layers.product``.

    For the gradient with respect to the matrix XLA would rearrange several leading axes first: SwiGLU with its
    gradients took 125 ms, and this way 87, of 2 × 1,024 rows of 288 channels on one core. With the compiler option of
    ``factory.jobs`` products of five dimensions are many times slower.
    """
    rows = jnp.tensordot(x.reshape(-1, x.shape[-1]), matrix, 1, preferred_element_type=preferred_element_type)
    return rows.reshape(*x.shape[:-1], *matrix.shape[1:])


def _taps(
    video: Array, axis: int, size: int, step: int, pads: tuple[int, int], *, fill: float = 0
) -> list[Float[Array, "b _ _ _ c"]]:
    """For each place of a window along one axis, what stands there in all windows."""
    count = _count(video.shape[axis], size, step, pads)
    if any(pads):
        video = jnp.pad(video, [pads if i == axis else (0, 0) for i in range(video.ndim)], constant_values=fill)
    return [lax.slice_in_dim(video, i, i + step * (count - 1) + 1, step, axis) for i in range(size)]


def _count(length: int, size: int, step: int, pads: tuple[int, int]) -> int:
    """Windows along an axis."""
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
"""A convolution with strides whose gradient with respect to the image is that of the folded form.

XLA's own is a convolution over the image's places with zeros between them: 112 ms where this takes 18, for 36 images of
64² pixels of 15 channels and 16 windows of 7².
"""
_conv2d_of_pixels.defvjp(_conv2d_and_inputs, _gradients)


def _folded_conv2d(image: Array, kernel: Array, strides: Plane, pads: PlanePads) -> Array:
    """The same without strides: of image and window, patches of a stride are folded into channels.

    Slower forward than ``_conv2d``, and so is its gradient with respect to the window.
    """
    taps = [-(-size // step) for size, step in zip(kernel.shape, strides, strict=False)]
    counts = [_count(*sizes) for sizes in zip(image.shape[1:3], kernel.shape, strides, pads, strict=False)]
    rows, columns = [
        (before, step * (count - 1 + tap) - size - before, 0)  # negative where no window reaches the last places
        for size, step, count, tap, (before, _) in zip(image.shape[1:3], strides, counts, taps, pads, strict=True)
    ]
    image = lax.pad(image, jnp.zeros((), image.dtype), [(0, 0, 0), rows, columns, (0, 0, 0)])
    whole = [(0, tap * step - size) for size, tap, step in zip(kernel.shape, taps, strides, strict=False)]
    kernel = jnp.pad(kernel, [*whole, (0, 0), (0, 0)])
    fold = {"y": strides[0], "x": strides[1]}
    image = rearrange(image, "b (h y) (w x) c -> b h w (y x c)", **fold)
    return _conv2d(image, rearrange(kernel, "(h y) (w x) c d -> h w (y x c) d", **fold), (1, 1), ((0, 0), (0, 0)))
