"""Inflation of a tokenizer of images to one of videos that reconstructs a single frame in the same way.

An image tokenizer is a ``MagVit`` with strides of 1 in time, trained on clips of one frame, which all taps of its
kernels see. The kernels of the video tokenizer start with the sum of these taps at the last tap, which sees the current
frame, and zeros at the others. The video tokenizer therefore starts as the image tokenizer on every frame.

Source: MAGVIT-v2 (arXiv:2310.05737), §3.2; MAGVIT (arXiv:2212.05199), §3.1, central inflation, here causal.
"""

from typing import Any

import jax
import jax.numpy as jnp
from einops import repeat
from flax import traverse_util
from jaxtyping import Array, Float, PyTree

from futurepred_jax.models.image_magvit import ImageMagVit
from futurepred_jax.models.magvit import MagVit, Stride


def image_tokenizer(model: MagVit) -> ImageMagVit:
    """Returns the module of images that ``inflate`` turns into ``model``."""
    return ImageMagVit(
        model.channels,
        model.blocks,
        image_strides(model.strides),
        model.quantizer,
        factorised=model.factorised,
        local=model.local,
        dtype=model.dtype,
    )


def image_strides(strides: tuple[Stride, ...]) -> tuple[Stride, ...]:
    """Returns the strides with 1 in time."""
    return tuple((1, h, w) for _, h, w in strides)


def inflate(image: PyTree, model: MagVit) -> PyTree:
    """Inflates variables of ``image_tokenizer(model)`` to variables of ``model``.

    Args:
        image: Parameters and codebook of the image tokenizer.
        model: The tokenizer of videos.

    Returns:
        Parameters and codebook of the video tokenizer.

    Raises:
        ValueError: If the variables are not those of ``image_tokenizer(model)``; the message lists what differs.
    """
    shapes = jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, *model.stride, 3))[:, :1])
    wanted: dict[str, Any] = dict(traverse_util.flatten_dict(shapes, sep="/"))
    strides = {name: stride[0] for i, stride in enumerate(model.strides) for name in (f"down_{i}", f"up_{i}")}
    given: dict[str, Any] = dict(traverse_util.flatten_dict(image, sep="/"))
    found = {path: _filled(path, leaf, wanted[path].shape, strides) for path, leaf in given.items() if path in wanted}
    faults = [
        *(f"{path} is missing" for path in wanted.keys() - given.keys()),
        *(f"{path} is left over" for path in given.keys() - wanted.keys()),
        *(
            f"{path} makes {leaf.shape}, not {wanted[path].shape}"
            for path, leaf in found.items()
            if leaf.shape != wanted[path].shape
        ),
    ]
    if faults:
        raise ValueError(
            f"these variables are not those of the image tokenizer of this model: {'; '.join(sorted(faults))}: take "
            "one with the same channels, blocks, strides in space and quantizer"
        )
    return traverse_util.unflatten_dict(found, sep="/")


def _filled(path: str, leaf: Array, wanted: tuple[int, ...], strides: dict[str, int]) -> Array:
    """Returns an array of the image tokenizer inflated to the shape ``wanted``."""
    parts, kernel = path.split("/"), leaf.ndim == 5
    folded = next((strides[part] for part in parts if part in strides), 1)
    found = _in_time(leaf, wanted[0]) if kernel else leaf
    if folded == 1:
        return found
    if any(part.startswith("up_") for part in parts):
        return _unfolds(found, folded)
    return _folds(found, folded) if kernel else found


def _in_time(kernel: Float[Array, "kt kh kw c d"], taps: int) -> Float[Array, "taps kh kw c d"]:
    """Returns a kernel of ``taps`` taps in time with the sum of the given taps at the last one."""
    return jnp.pad(kernel.sum(0, keepdims=True), [(taps - 1, 0), *[(0, 0)] * 4])


def _folds(kernel: Float[Array, "kt kh kw c d"], frames: int) -> Float[Array, "kt kh kw c2 d"]:
    """Returns a kernel that reads the last of ``frames`` frames that are folded into channels."""
    return jnp.pad(kernel, [*[(0, 0)] * 3, ((frames - 1) * kernel.shape[3], 0), (0, 0)])


def _unfolds(leaf: Float[Array, "*k d"], frames: int) -> Float[Array, "*k d2"]:
    """Returns a kernel or bias that makes the same output for each of ``frames`` frames folded into channels."""
    return repeat(leaf, "... d -> ... (t d)", t=frames)
