"""Keys and values that decoding keeps, and attention to them."""

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
from einops import rearrange
from flax import struct
from jaxtyping import Array, Float, Int

from futurepred_jax.models.attention import MASKED, Heads


@struct.dataclass
class Cache:
    """What one layer remembers: the context's keys and values, and those of each sample's own positions after it.

    Keys are transposed, so that scores are sums over rows that lie in memory one after another.
    """

    context_keys: Float[Array, "b h d c"]
    context_values: Float[Array, "b h c d"]
    keys: Float[Array, "b m h d f"]
    values: Float[Array, "b m h f d"]

    @classmethod
    def of_context(cls, keys: Heads, values: Heads, *, samples: int, length: int) -> "Cache":
        """The cache after the context, with room for ``length`` positions of each of ``samples`` continuations."""
        b, _, h, d = keys.shape
        return cls(
            context_keys=rearrange(keys, "b c h d -> b h d c"),
            context_values=rearrange(values, "b c h d -> b h c d"),
            keys=jnp.zeros((b, samples, h, d, length), keys.dtype),
            values=jnp.zeros((b, samples, h, length, d), values.dtype),
        )

    def write(
        self, keys: Float[Array, "b m r h d"], values: Float[Array, "b m r h d"], at: Int[Array, "..."]
    ) -> "Cache":
        """The cache with keys and values of a run of positions of each sample, from ``at`` places after the context.

        ``at`` is one place for all samples, or each sample's own, [b m].
        """
        return dataclasses.replace(
            self,
            keys=write_runs(self.keys, rearrange(keys, "b m r h d -> b m h d r"), at, axis=-1),
            values=write_runs(self.values, rearrange(values, "b m r h d -> b m h r d"), at, axis=-2),
        )

    def attend(self, q: Float[Array, "b m r h d"], at: Int[Array, "..."]) -> Float[Array, "b m r h d"]:
        """Attention of a run of each sample to the whole context and to its own positions up to each."""
        past = jnp.einsum("b m r h d, b h d c -> b m h r c", q, self.context_keys)
        own = jnp.einsum("b m r h d, b m h d f -> b m h r f", q, self.keys)
        last = at[..., None, None, None] + jnp.arange(q.shape[2])[:, None]
        own = jnp.where(jnp.arange(own.shape[-1]) <= last, own, MASKED)
        scores = jnp.concatenate([past, own], axis=-1).astype(jnp.float32) * q.shape[-1] ** -0.5
        p_past, p_own = jnp.split(jax.nn.softmax(scores).astype(q.dtype), [past.shape[-1]], axis=-1)
        from_past = jnp.einsum("b m h r c, b h c d -> b m r h d", p_past, self.context_values)
        return from_past + jnp.einsum("b m h r f, b m h f d -> b m r h d", p_own, self.values)


def write_runs(into: Array, run: Array, at: Int[Array, "..."], *, axis: int) -> Array:
    """Puts a run at one place along an axis, counted from the last; or each sample's, [b m …], at its own.

    The latter is a loop over the samples, and on a TPU each turn of it reads and writes the whole array: there the runs
    are selected into their places instead, all in one pass.
    """
    write = partial(jax.lax.dynamic_update_slice_in_dim, axis=axis)
    if not at.ndim:
        return write(into, run, at)
    forms = {"tpu": partial(select_runs, axis=axis), "default": jax.vmap(jax.vmap(write))}
    return jax.lax.platform_dependent(into, run, at, **forms)


def select_runs(into: Array, run: Array, at: Int[Array, "b m"], *, axis: int) -> Array:
    """The same by comparison of places."""
    length = run.shape[axis]
    behind = jnp.arange(into.shape[axis]) - at[..., None]  # of the run's first place
    shape = [1] * into.ndim
    shape[:2], shape[axis] = behind.shape[:2], behind.shape[-1]
    behind = behind.reshape(shape)
    spread = jnp.take_along_axis(run, jnp.clip(behind, 0, length - 1), axis=axis)
    return jnp.where((behind >= 0) & (behind < length), spread, into)
