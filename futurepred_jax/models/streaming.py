"""Clips of any length through a causal tokenizer, a chunk after another, equal to the whole at once.

The tokenizer never looks ahead and normalises each place by itself, so a chunk needs of those before it only the last
frames that each temporal window sees: they are the collection PAST, which one chunk returns and the next one takes.
"""

from collections.abc import Iterator
from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import PyTree

from futurepred_jax.arrays import TokenGrid, Video
from futurepred_jax.models.layers import PAST
from futurepred_jax.models.magvit import MagVit

CHUNK = 16  # latent frames at once; longer clips need no more memory than this


def encode(module: MagVit, variables: PyTree, video: Video, *, chunk: int = CHUNK) -> TokenGrid:
    """Frames in [-1, 1] to tokens.

    Args:
        module: The tokenizer.
        variables: Its variables.
        video: The whole clip.
        chunk: Latent frames encoded at once.

    Raises:
        ValueError: as ``MagVit.encode``.
    """
    module.check(video.shape)
    stride, past, parts = module.stride[0], None, []
    for start, end in _chunks(1 + (video.shape[1] - 1) // stride, chunk):
        frames = video[:, max(0, 1 + (start - 1) * stride) : 1 + (end - 1) * stride]
        tokens, past = encode_next(module, variables, frames, past)
        parts.append(tokens)
    return jnp.concatenate(parts, axis=1)


def decode(module: MagVit, variables: PyTree, tokens: TokenGrid, *, chunk: int = CHUNK) -> Video:
    """Tokens to frames in [-1, 1]; arguments as ``encode``."""
    past, parts = None, []
    for start, end in _chunks(tokens.shape[1], chunk):
        video, past = decode_next(module, variables, tokens[:, start:end], past)
        parts.append(video)
    return jnp.concatenate(parts, axis=1)


@partial(jax.jit, static_argnums=0)
def encode_next(
    module: MagVit, variables: PyTree, video: Video, past: PyTree | None = None
) -> tuple[TokenGrid, PyTree]:
    """One chunk to tokens, and the past for the next: ``1 + s k`` frames without a past, ``s k`` after another."""
    return _next(module, variables, past, video, "encode_chunk")


@partial(jax.jit, static_argnums=0)
def decode_next(
    module: MagVit, variables: PyTree, tokens: TokenGrid, past: PyTree | None = None
) -> tuple[Video, PyTree]:
    """One chunk to frames, and the past for the next."""
    return _next(module, variables, past, tokens, "decode")


def _next(
    module: MagVit, variables: PyTree, past: PyTree | None, chunk: jax.Array, method: str
) -> tuple[jax.Array, PyTree]:
    state = {} if past is None else {PAST: past}
    out, kept = module.apply({**variables, **state}, chunk, first=past is None, mutable=[PAST], method=method)
    return out, kept.get(PAST, {})  # pyright: ignore[reportReturnType]


def _chunks(latent_frames: int, chunk: int) -> Iterator[tuple[int, int]]:
    return ((start, min(start + chunk, latent_frames)) for start in range(0, latent_frames, chunk))
