"""From continuous latents to codebook indices and back: VQ and FSQ behind one interface.

A quantizer has ``codebook_size`` and ``dim`` (the channels that it reads), ``__call__`` to quantize with a gradient,
and ``lookup`` to turn indices into latents.
"""

import math

import jax
import jax.numpy as jnp
from flax import linen as nn
from flax import struct
from jaxtyping import Array, Bool, Float, Int

from futurepred_jax.arrays import Key, Latents, TokenGrid


@struct.dataclass
class Quantized:
    """Latents after quantization (straight-through gradient), their indices, and what the training needs to know."""

    latents: Latents
    tokens: TokenGrid
    commitment: Float[Array, ""]  # mean squared distance from the encoder's output to its code


def codebook_usage(tokens: Int[Array, "*n"], codebook_size: int) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Share of the codes that occur in ``tokens``, and the perplexity exp(entropy) of their frequencies."""
    counts = jnp.bincount(tokens.reshape(-1), length=codebook_size)
    share = counts / counts.sum()
    entropy = -jnp.sum(share * jnp.log(jnp.maximum(share, 1e-12)))
    return jnp.mean(counts > 0), jnp.exp(entropy)


def _straight_through(value: Array, surrogate: Array) -> Array:
    """``value`` forward, the gradient of ``surrogate`` backward."""
    return surrogate + jax.lax.stop_gradient(value - surrogate)


def _normalize(vectors: Array) -> Array:
    return vectors * jax.lax.rsqrt(jnp.sum(jnp.square(vectors), -1, keepdims=True) + 1e-8)


class VQ(nn.Module):
    """Vector quantization on the unit sphere: a codebook that follows the latents by exponential moving averages.

    A code whose average count falls under ``revive_below`` takes the place of a random latent of the batch. All counts
    start at zero, so the first quantized step fills the whole codebook with latents: the initialisation needs no other
    code. The codebook lives in the collection ``codebook`` and changes only when that is mutable and ``train`` is set.

    Source: van den Oord et al. 2017, appendix A.1 (EMA); ViT-VQGAN §3.2 (l2-normalised, low-dimensional codes);
    Jukebox §A.1 (random restarts).
    """

    codebook_size: int
    dim: int = 16
    decay: float = 0.99
    revive_below: float = 0.1  # average count a step under which a code is dead

    def setup(self):
        """Allocates the codes and their counts."""
        shape = (self.codebook_size, self.dim)
        self.codes = self.variable(
            "codebook", "codes", lambda: _normalize(jax.random.normal(self.make_rng("params"), shape))
        )
        self.counts = self.variable("codebook", "counts", jnp.zeros, (self.codebook_size,))

    def __call__(
        self, latents: Latents, *, train: bool = False, key: Key | None = None, active: Bool[Array, ""] | bool = True
    ) -> Quantized:
        """Quantizes; where ``active`` is false (a warm start) the latents pass unquantized and the codebook rests.

        Raises:
            ValueError: if ``train`` is set without a ``key`` for the revival.
        """
        latents = _normalize(latents.astype(jnp.float32))
        tokens = jnp.argmax(jnp.einsum("... d, v d -> ... v", jax.lax.stop_gradient(latents), self.codes.value), -1)
        codes = self.lookup(tokens)
        commitment = jnp.mean(jnp.sum(jnp.square(latents - jax.lax.stop_gradient(codes)), -1))
        if train and not self.is_initializing():
            if key is None:
                raise ValueError("VQ revives dead codes at random: pass key= when train=True")
            self._follow(jax.lax.stop_gradient(latents), tokens, key=key, active=active)
        quantized = jnp.where(active, _straight_through(codes, latents), latents)
        return Quantized(latents=quantized, tokens=tokens, commitment=jnp.where(active, commitment, 0.0))

    def lookup(self, tokens: Int[Array, "*n"]) -> Float[Array, "*n d"]:
        """The codes of ``tokens``."""
        return self.codes.value[tokens]

    def _follow(self, latents: Array, tokens: Array, *, key: Key, active: Bool[Array, ""] | bool) -> None:
        """Moves every code towards the mean of its latents and revives the dead ones."""
        flat = latents.reshape(-1, self.dim)
        members = jax.nn.one_hot(tokens.reshape(-1), self.codebook_size, dtype=flat.dtype)
        counts = self.decay * self.counts.value + (1 - self.decay) * members.sum(0)
        sums = self.decay * self.counts.value[:, None] * self.codes.value + (1 - self.decay) * (members.T @ flat)
        dead = counts < self.revive_below
        fresh = flat[jax.random.randint(key, (self.codebook_size,), 0, flat.shape[0])]
        codes = jnp.where(dead[:, None], fresh, _normalize(sums))
        counts = jnp.where(dead, 1.0, counts)
        self.codes.value = jnp.where(active, codes, self.codes.value)
        self.counts.value = jnp.where(active, counts, self.counts.value)


class FSQ(nn.Module):
    """Finite scalar quantization: every latent dimension is squashed and rounded to one of ``levels`` values.

    Source: Mentzer et al. 2023, §3.1, with latents in [-1, 1].
    """

    levels: tuple[int, ...]

    @property
    def codebook_size(self) -> int:
        """Number of combinations."""
        return math.prod(self.levels)

    @property
    def dim(self) -> int:
        """One channel a level."""
        return len(self.levels)

    def __call__(
        self, latents: Latents, *, train: bool = False, key: Key | None = None, active: Bool[Array, ""] | bool = True
    ) -> Quantized:
        """Quantizes; where ``active`` is false the squashed latents pass unrounded."""
        del train, key  # nothing to learn and nothing random
        levels = jnp.asarray(self.levels)
        half = (levels - 1) / 2
        # an even number of levels has none at zero: shift before the squashing so that zero stays between two of them
        offset = jnp.where(levels % 2 == 0, 0.5, 0.0)
        bounded = jnp.tanh(latents.astype(jnp.float32) + jnp.arctanh(offset / half * 0.999)) * half * 1.001 - offset
        digits = jnp.clip(jnp.round(bounded) + levels // 2, 0, levels - 1).astype(jnp.int32)
        squashed = bounded / (levels // 2)
        rounded = _straight_through(self._values(digits), squashed)
        return Quantized(
            latents=jnp.where(active, rounded, squashed),
            tokens=jnp.sum(digits * self._place_values(), -1),
            commitment=jnp.zeros(()),
        )

    def lookup(self, tokens: Int[Array, "*n"]) -> Float[Array, "*n d"]:
        """The latents of ``tokens``."""
        digits = tokens[..., None] // self._place_values() % jnp.asarray(self.levels)
        return self._values(digits)

    def _values(self, digits: Array) -> Array:
        levels = jnp.asarray(self.levels)
        return (digits - levels // 2) / (levels // 2)

    def _place_values(self) -> Array:
        return jnp.asarray([math.prod(self.levels[:i]) for i in range(len(self.levels))])
