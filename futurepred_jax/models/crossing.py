"""Gated cross-attention from tokens to the features of motion pathways.

The gate is a scalar that starts at zero, so that a Transformer with crossings starts as the one without (Flamingo,
arXiv:2204.14198 §2.2). Queries and keys have rotary embeddings of their places on the grid of tokens, so that attention
depends on distances in space and time.
"""

from typing import Any

import jax
import jax.numpy as jnp
from einops import rearrange
from flax import linen as nn
from flax import struct
from jaxtyping import Array, Float, PyTree

from futurepred_jax.models.blocks import Angles, dense
from futurepred_jax.models.rope import angles_at, rotate

NAME = "crossings"


@struct.dataclass
class Memory:
    """Features of motion pathways.

    Attributes:
        features: The features.
        position: Their places (t, h, w) on the grid of tokens, not necessarily whole numbers.
    """

    features: Float[Any, "b m d"]  # Any: under eval_shape, shapes stand for arrays
    position: Float[Any, "m 3"]


class Crossing(nn.Module):
    """Attention of tokens to a memory, multiplied by tanh of a gate and added to the stream.

    Attributes:
        width: Channels of the stream.
        heads: Number of attention heads.
        branch_scale: Variance gain of the output matrix.
        dtype: Type of activations.
    """

    width: int
    heads: int
    branch_scale: float
    dtype: Any

    def setup(self) -> None:
        """Declares norms, projections and the gate."""
        self.norm = nn.RMSNorm(dtype=self.dtype)
        self.query_norm = nn.RMSNorm(dtype=self.dtype)
        self.key_norm = nn.RMSNorm(dtype=self.dtype)
        self.query = dense(self.width, 1.0, self.dtype)
        self.key_value = dense(2 * self.width, 1.0, self.dtype)
        self.out = dense(self.width, self.branch_scale, self.dtype)
        self.gate = self.param("gate", nn.initializers.zeros, ())

    def remember(self, memory: Memory) -> tuple[Array, Array]:
        """Returns the keys and values [b m h d] of a memory."""
        both = self.key_value(memory.features.astype(self.dtype))
        key, value = rearrange(both, "b m (two h d) -> two b m h d", two=2, h=self.heads)
        return rotate(self.key_norm(key), angles_at(memory.position, self.width // self.heads)), value

    def __call__(
        self, x: Float[Array, "b n d"], angles: Angles, remembered: tuple[Array, Array]
    ) -> Float[Array, "b n d"]:
        """Returns the stream after the crossing; positions do not attend to each other."""
        query = rearrange(self.query(self.norm(x)), "b n (h d) -> b n h d", h=self.heads)
        attended = jax.nn.dot_product_attention(rotate(self.query_norm(query), angles), *remembered)
        branch = self.out(rearrange(attended, "b n h d -> b n (h d)"))
        return x + jnp.tanh(self.gate).astype(self.dtype) * branch


def gates(params: PyTree) -> dict[str, Float[Array, ""]]:
    """Returns tanh of the gate of each crossing of a Transformer, by the names ``gate_0``, ``gate_1`` …"""
    found = [name for name in params if name.startswith(f"{NAME}_")]
    return {name.replace(NAME, "gate"): jnp.tanh(params[name]["gate"]) for name in sorted(found)}
