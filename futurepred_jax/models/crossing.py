"""How what a motion pathway saw enters the Transformer: gated cross-attention, closed at the start.

The gate is a number that starts at zero, so that a Transformer with crossings begins as the one without (Flamingo,
arXiv:2204.14198 §2.2). Queries are turned by the token's place in space and time and keys by the feature's, on the same
grid, so that attention may depend on how far apart they are, as among the tokens themselves.
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
    """What a pathway saw: features, and their places (t, h, w) on the grid of the tokens, which need not be whole."""

    features: Float[Any, "b m d"]  # Any: under eval_shape, shapes stand for arrays
    position: Float[Any, "m 3"]


class Crossing(nn.Module):
    """Attention of tokens to a memory, times tanh of the gate."""

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
        """Keys and values [b m h d] of a memory."""
        both = self.key_value(memory.features.astype(self.dtype))
        key, value = rearrange(both, "b m (two h d) -> two b m h d", two=2, h=self.heads)
        return rotate(self.key_norm(key), angles_at(memory.position, self.width // self.heads)), value

    def __call__(
        self, x: Float[Array, "b n d"], angles: Angles, remembered: tuple[Array, Array]
    ) -> Float[Array, "b n d"]:
        """The stream after the crossing; positions do not see each other, so one or many may be given."""
        query = rearrange(self.query(self.norm(x)), "b n (h d) -> b n h d", h=self.heads)
        attended = jax.nn.dot_product_attention(rotate(self.query_norm(query), angles), *remembered)
        branch = self.out(rearrange(attended, "b n h d -> b n (h d)"))
        return x + jnp.tanh(self.gate).astype(self.dtype) * branch


def gates(params: PyTree) -> dict[str, Float[Array, ""]]:
    """How far the gate of each crossing of a Transformer is open, in (-1, 1), by ``gate_0``, ``gate_1`` …"""
    found = [name for name in params if name.startswith(f"{NAME}_")]
    return {name.replace(NAME, "gate"): jnp.tanh(params[name]["gate"]) for name in sorted(found)}
