"""Causal attention: one meaning, several forms, the form chosen here by the platform that is compiled for.

On CPU the blocked form is the faster, forward and backward: 65 ms against 127 ms for ``xla``, medians of 12 runs in one
process on 2 cores, 16 clips of 320 tokens, 4 heads of 48 channels.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from einops import rearrange
from jax.sharding import PartitionSpec, get_abstract_mesh
from jaxtyping import Array, Float

from futurepred_jax.models.sharding_hints import COLUMNS, ROWS, is_divided

Heads = Float[Array, "b n h d"]
"""Queries, keys or values of every head."""

BLOCK = 64  # fewest queries a block: smaller matmuls cost more than the causal half saves
MAX_BLOCKS = 8  # bounds the size of the unrolled program
MASKED = -1e30
TILES = (512, 256, 128)  # queries and keys that the TPU's kernel takes at once
BACKWARD_TILES = ("block_q_dkv", "block_kv_dkv", "block_q_dq", "block_kv_dq")


def causal_attention(q: Heads, k: Heads, v: Heads, *, form: str = "auto") -> Heads:
    """Softmax attention in which position n sees positions up to n; scores times d^-1/2, softmax in float32.

    Args:
        q: Queries.
        k: Keys.
        v: Values.
        form: A name in ``FORMS``, or ``auto``: the fastest form of the platform that the program is compiled for, which
            need not be the one that traces it.

    Raises:
        ValueError: for an unknown form.
    """
    if form == "auto":
        fastest = {platform: FORMS[fastest_form(platform, q)] for platform in ("cpu", "cuda", "tpu")}
        return jax.lax.platform_dependent(q, k, v, **fastest)
    if form not in FORMS:
        raise ValueError(f"attention form {form!r} is unknown: choose auto or one of {', '.join(FORMS)}")
    return FORMS[form](q, k, v)


def fastest_form(platform: str, q: Heads) -> str:
    """Name of the fastest form of a platform (``cpu``, ``cuda``, ``tpu``) for such queries.

    cuDNN's kernel is for half precision, and is traced only beside a GPU: elsewhere a program for one gets ``xla``. So
    does one for TPUs where neither this process nor the mesh in sight has any, for their kernel takes a second to
    trace, and where the mesh does not divide rows or heads, for XLA cannot split a kernel.
    """
    if platform == "cpu":
        return "blocked"
    if platform == "tpu":
        near = "tpu" in (jax.default_backend(), _platform_in_sight())
        return "splash" if near and is_divided(q.shape[0], q.shape[2]) else "xla"
    half = q.dtype in (jnp.bfloat16, jnp.float16)
    return "cudnn" if half and jax.default_backend() == "gpu" else "xla"


def _platform_in_sight() -> str | None:
    """Of the devices of the mesh that the program is traced for."""
    return getattr(get_abstract_mesh().abstract_device, "platform", None)


@jax.jit
def _blocked(q: Heads, k: Heads, v: Heads) -> Heads:
    """Blocks of queries, each against no more keys than it may see: about half of the full product's operations."""
    n = q.shape[1]
    size = max(BLOCK, -(-n // MAX_BLOCKS))
    q, k, v = (rearrange(x, "b n h d -> b h n d") for x in (q, k, v))
    blocks = [_block(q[..., i : i + size, :], k[..., : i + size, :], v[..., : i + size, :]) for i in range(0, n, size)]
    return rearrange(jnp.concatenate(blocks, axis=-2), "b h n d -> b n h d")


def _block(
    q: Float[Array, "b h q d"], k: Float[Array, "b h k d"], v: Float[Array, "b h k d"]
) -> Float[Array, "b h q d"]:
    """The last rows of causal attention; the sum divides the output, not the weights, which spares a pass over them."""
    scores = jnp.einsum("b h q d, b h k d -> b h q k", q, k).astype(jnp.float32) * q.shape[-1] ** -0.5
    rows, columns = scores.shape[-2:]
    scores = jnp.where(jnp.tri(rows, columns, columns - rows, dtype=bool), scores, MASKED)
    weights = jnp.exp(scores - jax.lax.stop_gradient(scores.max(axis=-1, keepdims=True)))
    out = jnp.einsum("b h q k, b h k d -> b h q d", weights.astype(v.dtype), v)
    return out / weights.sum(axis=-1, keepdims=True).astype(v.dtype)


@jax.jit
def _xla(q: Heads, k: Heads, v: Heads) -> Heads:
    return jax.nn.dot_product_attention(q, k, v, is_causal=True, implementation="xla")


@jax.jit
def _cudnn(q: Heads, k: Heads, v: Heads) -> Heads:
    return jax.nn.dot_product_attention(q, k, v, is_causal=True, implementation="cudnn")


@jax.jit
def _splash(q: Heads, k: Heads, v: Heads) -> Heads:
    """A Pallas kernel for TPUs, whose memory grows with the tokens and not with their pairs.

    Over a mesh each device calls it on its own rows and heads.
    """
    mesh = get_abstract_mesh()
    if mesh.empty:
        return _kernel(q, k, v)
    spec = PartitionSpec(ROWS, None, COLUMNS)
    return jax.shard_map(_kernel, mesh=mesh, in_specs=(spec,) * 3, out_specs=spec, check_vma=False)(q, k, v)


def _kernel(q: Heads, k: Heads, v: Heads) -> Heads:
    """The kernel on whole tiles; the places that fill the last one come after all others, which do not see them.

    On CPU, where nothing but a test asks for it, Pallas interprets it.
    """
    from jax.experimental.pallas.ops.tpu import splash_attention as splash  # slow to load, and for TPUs alone

    n, heads, dim = q.shape[1:]
    whole = -(-n // TILES[-1]) * TILES[-1]
    tile = next(tile for tile in TILES if whole % tile == 0)
    sizes = splash.BlockSizes(tile, tile, **dict.fromkeys(BACKWARD_TILES, tile))
    mask = splash.MultiHeadMask([splash.CausalMask((whole, whole))] * heads)
    make = partial(splash.make_splash_mha, mask, block_sizes=sizes, head_shards=1, q_seq_shards=1)
    forms = {"cpu": jax.vmap(make(interpret=True)), "default": jax.vmap(make())}
    q, k, v = (
        jnp.pad(rearrange(x, "b n h d -> b h n d"), ((0, 0), (0, 0), (0, whole - n), (0, 0)))
        for x in (q * dim**-0.5, k, v)
    )
    attended: Any = jax.lax.platform_dependent(q, k, v, **forms)  # without residuals it is an array
    return rearrange(attended[:, :, :n], "b h n d -> b n h d")


# The forms are jitted so that all layers share one trace of each.
FORMS: dict[str, Callable[[Heads, Heads, Heads], Heads]] = {
    "blocked": _blocked,
    "xla": _xla,
    "cudnn": _cudnn,
    "splash": _splash,
}
