"""Keys and values that decoding keeps, and attention to them."""

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
from einops import rearrange, repeat
from flax import struct
from jaxtyping import Array, Float, Int

from futurepred_jax.models.attention import MASKED, Heads


@struct.dataclass
class Cache:
    """What one layer remembers: the context's keys and values, and those of each sample's own positions after it.

    All heads of all rows lie along one axis, and of each its samples: where axes are merged or dropped between writing
    and reading, XLA on CPU copies the cache in every pass. Keys are transposed, so that scores are sums over rows that
    lie in memory one after another.
    """

    context_keys: Float[Array, "bh d c"]
    context_values: Float[Array, "bh c d"]
    keys: Float[Array, "bhm d f"]
    values: Float[Array, "bhm f d"]

    @classmethod
    def of_context(cls, keys: Heads, values: Heads, *, samples: int, length: int) -> "Cache":
        """The cache after the context, with room for ``length`` positions of each of ``samples`` continuations."""
        b, _, h, d = keys.shape
        return cls(
            context_keys=rearrange(keys, "b c h d -> (b h) d c"),
            context_values=rearrange(values, "b c h d -> (b h) c d"),
            keys=jnp.zeros((b * h * samples, d, length), keys.dtype),
            values=jnp.zeros((b * h * samples, length, d), values.dtype),
        )

    def write(
        self, keys: Float[Array, "b m r h d"], values: Float[Array, "b m r h d"], at: Int[Array, "..."]
    ) -> "Cache":
        """The cache with keys and values of a run of positions of each sample, from ``at`` places after the context.

        ``at`` is one place for all samples, or each sample's own, [b m].
        """
        at = _of_heads(at, keys.shape[3])
        return dataclasses.replace(
            self,
            keys=write_runs(self.keys, rearrange(keys, "b m r h d -> (b h m) d r"), at, axis=-1),
            values=write_runs(self.values, rearrange(values, "b m r h d -> (b h m) r d"), at, axis=-2),
        )

    def attend(self, q: Float[Array, "b m r h d"], at: Int[Array, "..."]) -> Float[Array, "b m r h d"]:
        """Attention of a run of each sample to the whole context and to its own positions up to each."""
        b, m, r, h, d = q.shape
        rows = rearrange(q, "b m r h d -> (b h) (m r) d")
        past = jnp.einsum("k q d, k d c -> k q c", rows, self.context_keys).reshape(b * h * m, r, -1)
        own = jnp.einsum("n r d, n d f -> n r f", rows.reshape(b * h * m, r, d), self.keys)
        last = _of_heads(at, h)[..., None, None] + jnp.arange(r)[:, None]
        own = jnp.where(jnp.arange(own.shape[-1]) <= last, own, MASKED)
        scores = jnp.concatenate([past, own], axis=-1).astype(jnp.float32) * d**-0.5
        p_past, p_own = jnp.split(jax.nn.softmax(scores).astype(q.dtype), [past.shape[-1]], axis=-1)
        from_past = jnp.einsum("k q c, k c d -> k q d", p_past.reshape(b * h, m * r, -1), self.context_values)
        from_own = jnp.einsum("n r f, n f d -> n r d", p_own, self.values).reshape(from_past.shape)
        return rearrange(from_past + from_own, "(b h) (m r) d -> b m r h d", b=b, m=m)


def _of_heads(at: Int[Array, "..."], heads: int) -> Int[Array, "..."]:
    """One place for all as it is; each sample's for every head of its row."""
    return repeat(at, "b m -> (b h m)", h=heads) if at.ndim else at


def write_runs(into: Array, run: Array, at: Int[Array, "..."], *, axis: int) -> Array:
    """Puts a run at one place along an axis, counted from the last; or each leading one, [b m …], at its own.

    The latter is a loop over the samples, and on a TPU each turn of it reads and writes the whole array: there the runs
    are selected into their places instead, all in one pass.
    """
    write = partial(jax.lax.dynamic_update_slice_in_dim, axis=axis)
    if not at.ndim:
        return write(into, run, at)
    each = write
    for _ in at.shape:
        each = jax.vmap(each)
    forms = {"tpu": partial(select_runs, axis=axis), "default": each}
    return jax.lax.platform_dependent(into, run, at, **forms)


def select_runs(into: Array, run: Array, at: Int[Array, "*b"], *, axis: int) -> Array:
    """The same by comparison of places."""
    length = run.shape[axis]
    behind = jnp.arange(into.shape[axis]) - at[..., None]  # of the run's first place
    shape = [1] * into.ndim
    shape[: at.ndim], shape[axis] = at.shape, behind.shape[-1]
    behind = behind.reshape(shape)
    spread = jnp.take_along_axis(run, jnp.clip(behind, 0, length - 1), axis=axis)
    return jnp.where((behind >= 0) & (behind < length), spread, into)
