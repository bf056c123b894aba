"""The parts of the Transformer: its input, its block and its head."""

import math
from typing import Any

import jax.numpy as jnp
import numpy as np
from einops import rearrange
from flax import linen as nn
from jaxtyping import Array, Bool, Float, Int

from futurepred_jax.models.attention import MASKED, causal_attention
from futurepred_jax.models.cache import Cache
from futurepred_jax.models.layers import matmul
from futurepred_jax.models.rope import rotate
from futurepred_jax.models.sharding_hints import replicated, shard_columns, shard_rows

Angles = Float[Array, "*#b n pairs"]
Codes = Float[Array, "g v e"]
"""The vector of each code of each digit; rows beyond the size of a digit's codebook are not read."""

HEAD_SCALE = 0.01  # logits start near 0.1, the loss near log v


def _dot_general(x: Array, matrix: Array, *_: Any, **__: Any) -> Array:
    """Adapts ``layers.matmul`` to the arguments that ``nn.Dense`` passes."""
    return matmul(x, matrix)


class TokenEmbed(nn.Module):
    """Embedding of tokens: the sum of a linear map of their codes and of learned vectors.

    The linear map gives similar embeddings to tokens with similar codes.

    Attributes:
        sizes: Number of codes of each digit.
        features: Channels of an embedding.
        dtype: Type of activations.
    """

    sizes: tuple[int, ...]
    features: int
    dtype: Any

    def setup(self) -> None:
        """Declares the table, whose last row stands for places outside the grid, and the linear map."""
        self.table = Table(sum(self.sizes) + 1, self.features, self.dtype)
        self.looks = dense(self.features, 1.0, self.dtype)

    def __call__(self, tokens: Int[Array, "*b n g"], codes: Codes) -> Float[Array, "*b n d"]:
        """Returns the embeddings of tokens."""
        looks = rearrange(codes[jnp.arange(len(self.sizes)), tokens], "... g d -> ... (g d)")
        return self.looks(looks.astype(self.dtype)) + self.table(tokens + np.cumsum((0, *self.sizes[:-1]))).sum(-2)

    def outside(self) -> Float[Array, " d"]:
        """Returns the embedding of a place outside the grid."""
        return self.table(jnp.asarray(sum(self.sizes)))


class Neighbourhood(nn.Module):
    """Input of each position: a linear map of the embeddings of the tokens in its window (``causal_neighbours``).

    The first two tokens of a window, the one just before and the one at the same place of the last frame, are added in
    embeddings of full width.

    Attributes:
        sizes: Number of codes of each digit.
        width: Channels of the stream.
        nearby: Channels of the embedding of each token of a window.
        dtype: Type of activations.
    """

    sizes: tuple[int, ...]
    width: int
    nearby: int
    dtype: Any

    def setup(self) -> None:
        """Declares the embeddings and the linear map."""
        self.near = TokenEmbed(self.sizes, self.nearby, self.dtype)
        self.before = TokenEmbed(self.sizes, self.width, self.dtype)
        self.previous = TokenEmbed(self.sizes, self.width, self.dtype)
        self.mix = dense(self.width, 1.0, self.dtype)

    def __call__(self, tokens: Int[Array, "b n g"], index: Int[Any, "n s"], codes: Codes) -> Float[Array, "b n d"]:
        """Returns the input of positions from all tokens and the indices of each position's window."""

        def at(embedding: TokenEmbed, places: Int[Any, "..."]) -> Array:
            inside = embedding(tokens, codes)
            outside = jnp.broadcast_to(embedding.outside(), (len(inside), 1, inside.shape[-1]))
            return jnp.concatenate([inside, outside], axis=1)[:, places]

        return self._mixed(at(self.near, index), at(self.before, index[:, 0]), at(self.previous, index[:, 1]))

    def of_windows(
        self, tokens: Int[Array, "*b s g"], outside: Bool[Array, "*b s"], codes: Codes
    ) -> Float[Array, "*b d"]:
        """Returns the input of positions from the tokens of their windows; tokens ``outside`` the grid are not read."""

        def at(embedding: TokenEmbed, places: slice) -> Array:
            inside = embedding(tokens[..., places, :], codes)
            return jnp.where(outside[..., places, None], embedding.outside(), inside)

        first, second = at(self.before, slice(0, 1))[..., 0, :], at(self.previous, slice(1, 2))[..., 0, :]
        return self._mixed(at(self.near, slice(None)), first, second)

    def _mixed(
        self, near: Float[Array, "*b s e"], before: Float[Array, "*b d"], previous: Float[Array, "*b d"]
    ) -> Float[Array, "*b d"]:
        return self.mix(rearrange(near, "... s e -> ... (s e)")) + before + previous


class TokenHead(nn.Module):
    """Output head: logits of a token's digits one after another, each given the digits before it.

    The logit of a code is the inner product of a map of the stream with the code's vector (weight tying,
    arXiv:1608.05859) plus that of the stream with a weight of the code's own. The attribute names ``heads`` and with
    them the parameters ``heads_…`` tell ``training.optimizers.muon`` not to orthogonalise these matrices.

    Attributes:
        sizes: Number of codes of each digit.
        code_dim: Channels of the vector of a code.
        width: Channels of the stream.
        dtype: Type of activations; logits are float32.
    """

    sizes: tuple[int, ...]
    code_dim: int
    width: int
    dtype: Any

    def setup(self) -> None:
        """Declares a norm and matrices for each digit, and for all but the first the embeddings of earlier digits."""
        later = range(1, len(self.sizes))
        self.norms = [nn.RMSNorm(dtype=self.dtype) for _ in self.sizes]
        self.heads = [Matrix(self.width, size, HEAD_SCALE, self.dtype) for size in self.sizes]
        self.pointers = [Matrix(self.width, self.code_dim, HEAD_SCALE, self.dtype) for _ in self.sizes]
        self.embeds = [Table(self.sizes[i - 1], self.width, self.dtype) for i in later]
        self.looks = [dense(self.width, 1.0, self.dtype) for _ in later]
        self.mixers = [dense(self.width, 1.0, self.dtype) for _ in later]

    def __call__(self, x: Float[Array, "*b d"], tokens: Int[Array, "*b g"], codes: Codes) -> Float[Array, "*b g v"]:
        """Returns the logits of all digits of ``tokens``, each given the digits of ``tokens`` before it."""
        return jnp.stack([shard_rows(self.digit(x, tokens, codes, i)) for i in range(len(self.sizes))], axis=-2)

    def digit(self, x: Float[Array, "*b d"], tokens: Int[Array, "*b g"], codes: Codes, i: int) -> Float[Array, "*b v"]:
        """Returns the logits of digit ``i``; digits from ``i`` on are not read, and missing codes are masked."""
        for j in range(i):
            x += self.looks[j](codes[j, tokens[..., j]].astype(self.dtype)) + self.embeds[j](tokens[..., j])
        x = self.norms[i](x)
        if i:
            x += nn.silu(self.mixers[i - 1](x))
        logits = self._pointed(x, codes[i, : self.sizes[i]].T.astype(self.dtype), i)
        missing = max(self.sizes) - self.sizes[i]
        return jnp.pad(logits, [(0, 0)] * (logits.ndim - 1) + [(0, missing)], constant_values=MASKED)

    def _pointed(self, x: Float[Array, "*b d"], book: Float[Array, "e v"], i: int) -> Float[Array, "*b v"]:
        """Multiplies in the order with fewer operations: for many rows, the product of the matrices comes first."""
        head, pointer = self.heads[i](), self.pointers[i]()
        if math.prod(x.shape[:-1]) > self.width:
            return matmul(x, head + matmul(pointer, book), jnp.float32)
        return matmul(x, head, jnp.float32) + matmul(matmul(x, pointer), book, jnp.float32)


class Matrix(nn.Module):
    """The kernel of a ``dense`` layer with ``width`` inputs, for products that the caller computes."""

    width: int
    features: int
    scale: float
    dtype: Any

    @nn.compact
    def __call__(self) -> Float[Array, "d features"]:
        """Returns the kernel in ``dtype``."""
        return self.param("kernel", _kernel_init(self.scale), (self.width, self.features)).astype(self.dtype)


class Block(nn.Module):
    """Attention, then SwiGLU, each added to the stream.

    Attributes:
        width: Channels of the stream.
        heads: Number of attention heads.
        hidden: Channels inside SwiGLU.
        branch_scale: Variance gain of each branch's output matrix.
        attention: Name of the form of attention, as ``causal_attention`` takes it.
        dtype: Type of activations.
    """

    width: int
    heads: int
    hidden: int
    branch_scale: float
    attention: str
    dtype: Any

    def setup(self) -> None:
        """Declares norms and projections: one matrix for queries, keys and values, one for gate and value."""
        self.attention_norm = nn.RMSNorm(dtype=self.dtype)
        self.query_norm = nn.RMSNorm(dtype=self.dtype)
        self.key_norm = nn.RMSNorm(dtype=self.dtype)
        self.qkv = Matrix(self.width, 3 * self.width, 1.0, self.dtype)
        self.out = dense(self.width, self.branch_scale, self.dtype)
        self.mlp_norm = nn.RMSNorm(dtype=self.dtype)
        self.up = Matrix(self.width, 2 * self.hidden, 1.0, self.dtype)
        self.down = dense(self.width, self.branch_scale, self.dtype)

    def __call__(
        self, x: Float[Array, "b n d"], angles: Angles, first: int = 0
    ) -> tuple[Float[Array, "b rest d"], tuple[Array, Array]]:
        """Returns the stream after the block, from position ``first`` on, and the keys and values [b n h d]."""
        q, k, v = self._project(x, angles)
        attended = causal_attention(q, k, v, form=self.attention)
        return self._merge(x[:, first:], attended[:, first:]), (k, v)

    def step(
        self, x: Float[Array, "b m r d"], angles: Float[Array, "... r pairs"], place: Int[Array, "..."], cache: Cache
    ) -> tuple[Float[Array, "b m r d"], Cache]:
        """Applies the block to a run of ``r`` positions of each of ``m`` samples.

        Args:
            x: The stream at the positions.
            angles: Their rotary angles.
            place: First position of the run, counted from the end of the context: one for each sample [b m], or one for
                all.
            cache: Keys and values of all positions before the run.

        Returns:
            The stream after the block, and the cache with the run added.
        """
        q, k, v = self._project(x, angles)
        cache = cache.write(k, v, place)
        return self._merge(x, cache.attend(q, place)), cache

    def _project(self, x: Float[Array, "*b n d"], angles: Angles) -> tuple[Array, Array, Array]:
        matrix = shard_columns(rearrange(self.qkv(), "w (three d) -> w three d", three=3))
        qkv = matmul(self.attention_norm(x), matrix)
        q, k, v = rearrange(qkv, "... three (h d) -> three ... h d", h=self.heads)
        return rotate(self.query_norm(q), angles), rotate(self.key_norm(k), angles), v

    def _merge(self, x: Float[Array, "*b n w"], attended: Float[Array, "*b n h d"]) -> Float[Array, "*b n w"]:
        x += self.out(rearrange(attended, "... h d -> ... (h d)"))
        matrix = shard_columns(rearrange(self.up(), "w (two d) -> w two d", two=2))
        gate, value = jnp.moveaxis(matmul(self.mlp_norm(x), matrix), -2, 0)
        return x + self.down(nn.silu(gate) * value)


def dense(features: int, scale: float, dtype: Any, *, name: str | None = None) -> nn.Dense:
    """Returns a linear layer without bias whose entries start with variance ``scale / fan_in``."""
    init = _kernel_init(scale)
    return nn.Dense(features, use_bias=False, dtype=dtype, kernel_init=init, dot_general=_dot_general, name=name)


class Table(nn.Module):
    """Embedding table like ``nn.Embed`` whose rows start with unit variance and are replicated for look-ups."""

    count: int
    features: int
    dtype: Any

    @nn.compact
    def __call__(self, index: Int[Array, "*b"]) -> Float[Array, "*b d"]:
        """Returns the rows at ``index``."""
        rows = self.param("embedding", nn.initializers.normal(1.0), (self.count, self.features))
        return jnp.take(replicated(rows.astype(self.dtype)), index, axis=0)


def _kernel_init(scale: float) -> nn.initializers.Initializer:
    return nn.initializers.variance_scaling(scale, "fan_in", "normal")
