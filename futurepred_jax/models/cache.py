"""The key-value cache of decoding, and attention to it."""

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
    """Keys and values of one layer, of the context and of each sample's positions after it.

    Rows, heads and samples are one axis, because XLA on CPU would copy the cache in every pass if axes were merged
    between writing and reading. Keys are transposed, so that scores are sums over contiguous rows.

    Attributes:
        context_keys: Keys of the context.
        context_values: Values of the context.
        keys: Keys of each sample's positions after the context.
        values: Values of each sample's positions after the context.
    """

    context_keys: Float[Array, "bh d c"]
    context_values: Float[Array, "bh c d"]
    keys: Float[Array, "bhm d f"]
    values: Float[Array, "bhm f d"]

    @classmethod
    def of_context(cls, keys: Heads, values: Heads, *, samples: int, length: int) -> "Cache":
        """Returns the cache after the context, with room for ``length`` positions of each of ``samples`` samples."""
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
        """Returns the cache with the keys and values of a run of positions of each sample added.

        Args:
            keys: Keys of the run.
            values: Values of the run.
            at: First position of the run, counted from the end of the context: one for each sample [b m], or one for
                all.
        """
        at = _of_heads(at, keys.shape[3])
        return dataclasses.replace(
            self,
            keys=write_runs(self.keys, rearrange(keys, "b m r h d -> (b h m) d r"), at, axis=-1),
            values=write_runs(self.values, rearrange(values, "b m r h d -> (b h m) r d"), at, axis=-2),
        )

    def attend(self, q: Float[Array, "b m r h d"], at: Int[Array, "..."]) -> Float[Array, "b m r h d"]:
        """Returns causal attention of a run of positions, which starts at ``at``, to the context and its own sample."""
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
    """Repeats positions [b m] for every head; one position for all stays as it is."""
    return repeat(at, "b m -> (b h m)", h=heads) if at.ndim else at


def write_runs(into: Array, run: Array, at: Int[Array, "..."], *, axis: int) -> Array:
    """Writes runs into an array along an axis.

    With a place for each sample this is a loop of updates, of which each would read and write the whole array on TPU;
    there ``select_runs`` writes all runs in one pass.

    Args:
        into: The array.
        run: The values to write.
        at: First index along the axis: a scalar, or one for each entry of the leading axes.
        axis: The axis, counted from the end, such as -1.
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
    """Writes runs like ``write_runs`` with a place for each entry, by comparing indices."""
    length = run.shape[axis]
    behind = jnp.arange(into.shape[axis]) - at[..., None]  # of the run's first place
    shape = [1] * into.ndim
    shape[: at.ndim], shape[axis] = at.shape, behind.shape[-1]
    behind = behind.reshape(shape)
    spread = jnp.take_along_axis(run, jnp.clip(behind, 0, length - 1), axis=axis)
    return jnp.where((behind >= 0) & (behind < length), spread, into)
