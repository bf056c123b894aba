"""From a tokenizer of images to one of videos that draws a single frame exactly as it did.

An image tokenizer is a ``MagVit`` whose strides leave time alone, trained on clips of one frame: all taps of its
kernels see that frame. A video's kernels take their sum at the last tap, which sees the frame itself, and zeros before;
so the network starts out as the image's on every frame, and learns from there what moves.

Source: MAGVIT-v2 (arXiv:2310.05737), §3.2; MAGVIT (arXiv:2212.05199), §3.1, central inflation, here causal.
"""

import jax
import jax.numpy as jnp
from einops import repeat
from jaxtyping import Array, Float, PyTree

from futurepred_jax.models.magvit import MagVit


def image_tokenizer(model: MagVit) -> MagVit:
    """The tokenizer of images that ``inflate`` makes into ``model``."""
    return model.clone(strides=tuple((1, h, w) for _, h, w in model.strides))


def inflate(image: PyTree, model: MagVit) -> PyTree:
    """Variables of ``model`` from those of ``image_tokenizer(model)``.

    Args:
        image: parameters and codebook.
        model: the tokenizer of videos.

    Raises:
        ValueError: a part of the image's has another shape than the video's, apart from time.
    """
    frames = jnp.zeros((1, *model.stride, 3))[:, :1]
    shapes = jax.eval_shape(model.init, jax.random.key(0), frames)
    strides = {name: stride[0] for i, stride in enumerate(model.strides) for name in (f"down_{i}", f"up_{i}")}

    def fill(path: tuple, leaf: Array, wanted: jax.ShapeDtypeStruct) -> Array:
        folded = next((strides[str(entry.key)] for entry in path if str(entry.key) in strides), 1)
        decodes, kernel = any(str(entry.key).startswith("up_") for entry in path), leaf.ndim == 5
        found = _in_time(leaf, wanted.shape[0]) if kernel else leaf
        if folded > 1:
            found = _unfolds(found, folded) if decodes else _folds(found, folded) if kernel else found
        if found.shape != wanted.shape:
            name = jax.tree_util.keystr(path, simple=True, separator="/")
            raise ValueError(
                f"{name} of the image tokenizer makes {found.shape}, and {wanted.shape} is wanted: "
                "inflate takes the variables of image_tokenizer(model)"
            )
        return found

    return jax.tree.map_with_path(fill, image, shapes)


def _in_time(kernel: Float[Array, "kt kh kw c d"], taps: int) -> Float[Array, "taps kh kw c d"]:
    """All of the image's taps at the last of ``taps``."""
    return jnp.pad(kernel.sum(0, keepdims=True), [(taps - 1, 0), *[(0, 0)] * 4])


def _folds(kernel: Float[Array, "kt kh kw c d"], frames: int) -> Float[Array, "kt kh kw c2 d"]:
    """Reads the last of ``frames`` that are folded into the channels."""
    return jnp.pad(kernel, [*[(0, 0)] * 3, ((frames - 1) * kernel.shape[3], 0), (0, 0)])


def _unfolds(leaf: Float[Array, "*k d"], frames: int) -> Float[Array, "*k d2"]:
    """Draws the same into all of ``frames``."""
    return repeat(leaf, "... d -> ... (t d)", t=frames)
