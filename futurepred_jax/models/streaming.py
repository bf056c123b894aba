"""Encoding and decoding of clips in chunks by a causal tokenizer, with the same results as for the whole clip.

The tokenizer is causal and normalises each place by itself. A chunk therefore needs only the last frames of the chunks
before it that its convolutions in time reach. Layers keep them in the collection PAST, which is passed from chunk to
chunk.
"""

from collections.abc import Iterator
from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import PyTree

from futurepred_jax.arrays import TokenGrid, Video
from futurepred_jax.models.layers import PAST
from futurepred_jax.models.magvit import MagVit

CHUNK = 16  # latent frames of a chunk, which bounds the memory


def encode(module: MagVit, variables: PyTree, video: Video, *, chunk: int = CHUNK) -> TokenGrid:
    """Returns the tokens of a clip, encoded chunk by chunk.

    Args:
        module: The tokenizer.
        variables: Its variables.
        video: The whole clip, in [-1, 1].
        chunk: Number of latent frames of a chunk.

    Raises:
        ValueError: If the clip is not ``1 + s k`` frames long or its sides are not multiples of the stride.
    """
    module.check(video.shape)
    if not module.causal:
        return _whole(module, variables, video, "encode")
    stride, past, parts = module.stride[0], None, []
    for start, end in _chunks(1 + (video.shape[1] - 1) // stride, chunk):
        frames = video[:, max(0, 1 + (start - 1) * stride) : 1 + (end - 1) * stride]
        tokens, past = encode_next(module, variables, frames, past)
        parts.append(tokens)
    return jnp.concatenate(parts, axis=1)


def decode(module: MagVit, variables: PyTree, tokens: TokenGrid, *, chunk: int = CHUNK) -> Video:
    """Returns the frames of tokens, in [-1, 1], decoded chunk by chunk.

    Args:
        module: The tokenizer.
        variables: Its variables.
        tokens: Tokens of the whole clip.
        chunk: Number of latent frames of a chunk.
    """
    if not module.causal:
        return _whole(module, variables, tokens, "decode")
    past, parts = None, []
    for start, end in _chunks(tokens.shape[1], chunk):
        video, past = decode_next(module, variables, tokens[:, start:end], past)
        parts.append(video)
    return jnp.concatenate(parts, axis=1)


@partial(jax.jit, static_argnums=0)
def encode_next(
    module: MagVit, variables: PyTree, video: Video, past: PyTree | None = None
) -> tuple[TokenGrid, PyTree]:
    """Encodes the next chunk of a clip.

    Args:
        module: The tokenizer.
        variables: Its variables.
        video: Frames in [-1, 1]: ``1 + s k`` of them in a clip's first chunk, ``s k`` in a later one.
        past: State after the chunk before; None for a clip's first chunk.

    Returns:
        The tokens, and the state for the next chunk.
    """
    return _next(module, variables, past, video, "encode_chunk")


@partial(jax.jit, static_argnums=0)
def decode_next(
    module: MagVit, variables: PyTree, tokens: TokenGrid, past: PyTree | None = None
) -> tuple[Video, PyTree]:
    """Decodes the next chunk of a clip.

    Args:
        module: The tokenizer.
        variables: Its variables.
        tokens: Tokens of the chunk.
        past: State after the chunk before; None for a clip's first chunk.

    Returns:
        Frames in [-1, 1], and the state for the next chunk.
    """
    return _next(module, variables, past, tokens, "decode")


@partial(jax.jit, static_argnums=(0, 3))
def _whole(module: MagVit, variables: PyTree, clip: jax.Array, method: str) -> jax.Array:
    """Applies a method to a whole clip, for a tokenizer that is not causal."""
    return module.apply(variables, clip, method=method)  # pyright: ignore[reportReturnType]


def _next(
    module: MagVit, variables: PyTree, past: PyTree | None, chunk: jax.Array, method: str
) -> tuple[jax.Array, PyTree]:
    state = {} if past is None else {PAST: past}
    out, kept = module.apply({**variables, **state}, chunk, first=past is None, mutable=[PAST], method=method)
    return out, kept.get(PAST, {})  # pyright: ignore[reportReturnType]


def _chunks(latent_frames: int, chunk: int) -> Iterator[tuple[int, int]]:
    return ((start, min(start + chunk, latent_frames)) for start in range(0, latent_frames, chunk))
