"""What the Transformer is stacked from: its input and its block."""

from typing import Any

import jax.numpy as jnp
from einops import rearrange
from flax import linen as nn
from jaxtyping import Array, Float, Int

from futurepred_jax.models.attention import causal_attention
from futurepred_jax.models.cache import Cache
from futurepred_jax.models.rope import rotate

Angles = Float[Array, "#n pairs"]


class Neighbourhood(nn.Module):
    """Input of a position: its neighbours' tokens, embedded and mixed by one linear map for each place in the window.

    The token just before and the co-located token of the last frame (the first two) have embeddings of full width too.
    Index ``vocab_size`` embeds "outside of the grid", and so the start.
    """

    vocab_size: int
    width: int
    nearby: int
    dtype: Any

    @nn.compact
    def __call__(self, ids: Int[Array, "*b s"]) -> Float[Array, "*b d"]:
        """Tokens of the window, as ``causal_neighbours`` orders it, to the stream of the blocks."""
        near = embed(self.vocab_size + 1, self.nearby, self.dtype, name="near")(ids)
        x = dense(self.width, 1.0, self.dtype, name="mix")(rearrange(near, "... s e -> ... (s e)"))
        x += embed(self.vocab_size + 1, self.width, self.dtype, name="before")(ids[..., 0])
        return x + embed(self.vocab_size + 1, self.width, self.dtype, name="previous")(ids[..., 1])


class Block(nn.Module):
    """Attention, then SwiGLU, each added to the stream; ``branch_scale`` is the variance gain of what is added."""

    width: int
    heads: int
    hidden: int
    branch_scale: float
    attention: str
    dtype: Any

    def setup(self) -> None:
        """Declares norms and projections, queries, keys and values in one matrix, gate and value in another."""
        self.attention_norm = nn.RMSNorm(dtype=self.dtype)
        self.query_norm = nn.RMSNorm(dtype=self.dtype)
        self.key_norm = nn.RMSNorm(dtype=self.dtype)
        self.qkv = dense(3 * self.width, 1.0, self.dtype)
        self.out = dense(self.width, self.branch_scale, self.dtype)
        self.mlp_norm = nn.RMSNorm(dtype=self.dtype)
        self.up = dense(2 * self.hidden, 1.0, self.dtype)
        self.down = dense(self.width, self.branch_scale, self.dtype)

    def __call__(
        self, x: Float[Array, "b n d"], angles: Angles, first: int = 0
    ) -> tuple[Float[Array, "b rest d"], tuple[Array, Array]]:
        """The stream after the block, from ``first`` on, and the keys and values [b n h d] that a cache keeps."""
        q, k, v = self._project(x, angles)
        attended = causal_attention(q, k, v, form=self.attention)
        return self._merge(x[:, first:], attended[:, first:]), (k, v)

    def step(
        self, x: Float[Array, "b m d"], angles: Float[Array, " pairs"], position: Int[Array, ""], cache: Cache
    ) -> tuple[Float[Array, "b m d"], Cache]:
        """The same for one position of each of ``m`` samples; the second axis counts samples here."""
        q, k, v = self._project(x, angles[None])
        place = position - cache.context_keys.shape[-1]
        cache = cache.write(k, v, place)
        return self._merge(x, cache.attend(q, place)), cache

    def _project(self, x: Float[Array, "b n d"], angles: Angles) -> tuple[Array, Array, Array]:
        qkv = self.qkv(self.attention_norm(x))
        q, k, v = rearrange(qkv, "b n (three h d) -> three b n h d", three=3, h=self.heads)
        return rotate(self.query_norm(q), angles), rotate(self.key_norm(k), angles), v

    def _merge(self, x: Float[Array, "b n w"], attended: Float[Array, "b n h d"]) -> Float[Array, "b n w"]:
        x += self.out(rearrange(attended, "b n h d -> b n (h d)"))
        gate, value = jnp.split(self.up(self.mlp_norm(x)), 2, axis=-1)
        return x + self.down(nn.silu(gate) * value)


def dense(features: int, scale: float, dtype: Any, name: str | None = None) -> nn.Dense:
    """A matrix without bias whose entries have variance ``scale / fan_in``."""
    init = nn.initializers.variance_scaling(scale, "fan_in", "normal")
    return nn.Dense(features, use_bias=False, dtype=dtype, kernel_init=init, name=name)


def embed(count: int, features: int, dtype: Any, name: str) -> nn.Embed:
    """A table of unit-variance rows."""
    return nn.Embed(count, features, dtype=dtype, embedding_init=nn.initializers.normal(1.0), name=name)
