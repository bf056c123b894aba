"""From continuous latents to tokens and back: VQ and FSQ, and in ``lfq`` LFQ, behind one interface.

A token has ``g`` digits, one for each codebook: VQ and LFQ have one for each group of channels, FSQ for each channel.
A quantizer has ``sizes`` (codes of each digit), ``dim`` (the channels that it reads) and ``code_dim`` (those of a
code), ``__call__`` to quantize with a gradient, ``lookup`` to turn tokens into latents, ``codebooks`` for the vectors
of all codes.
"""

import jax
import jax.numpy as jnp
from einops import rearrange
from flax import linen as nn
from flax import struct
from jaxtyping import Array, Bool, Float, Int

from futurepred_jax.arrays import Key, Latents, TokenGrid
from futurepred_jax.models.codes import nearest, sum_by_code


@struct.dataclass
class Quantized:
    """Latents after quantization (straight-through gradient), their tokens, and what the training needs to know."""

    latents: Latents
    tokens: TokenGrid
    commitment: Float[Array, ""]  # mean squared distance from the encoder's output to its code
    entropy: Float[Array, ""] | None = None  # of LFQ, the entropy penalty in nats


def codebook_usage(tokens: Int[Array, "*n g"], sizes: tuple[int, ...]) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Share of all codes that occur in ``tokens``, and the perplexity exp(entropy) of a digit, its entropy averaged."""
    used, entropy = jnp.zeros(()), jnp.zeros(())
    for digit, size in enumerate(sizes):
        counts = jnp.bincount(tokens[..., digit].reshape(-1), length=size)
        share = counts / counts.sum()
        used += jnp.sum(counts > 0)
        entropy -= jnp.sum(share * jnp.log(jnp.maximum(share, 1e-12)))
    return used / sum(sizes), jnp.exp(entropy / len(sizes))


def straight_through(value: Array, surrogate: Array) -> Array:
    """``value`` forward, the gradient of ``surrogate`` backward."""
    return surrogate + jax.lax.stop_gradient(value - surrogate)


def _normalize(vectors: Array) -> Array:
    return vectors * jax.lax.rsqrt(jnp.sum(jnp.square(vectors), -1, keepdims=True) + 1e-8)


class VQ(nn.Module):
    """Vector quantization on the unit sphere: codebooks that follow the latents by exponential moving averages.

    Each of ``groups`` equal groups of channels has its own codebook (product quantization), so that g digits of v codes
    say as much as one of v^g. A code whose average count falls under ``revive_below`` takes the place of a random
    latent of the batch. All counts start at zero, so the first quantized step fills the whole codebook with latents:
    the initialisation needs no other code; ``kmeans`` steps of k-means then move it into the middle of its latents. The
    codebooks live in the collection ``codebook`` and change only when that
    is mutable and ``train`` is set.

    Source: van den Oord et al. 2017, appendix A.1 (EMA); ViT-VQGAN §3.2 (l2-normalised, low-dimensional codes);
    Jégou et al. 2011 (product quantization); Jukebox §A.1 (random restarts).
    """

    codebook_size: int
    dim: int = 16
    groups: int = 1
    decay: float = 0.99
    revive_below: float = 0.1  # average count a step under which a code is dead
    kmeans: int = 0  # iterations of Lloyd's algorithm at the first quantized step

    @property
    def sizes(self) -> tuple[int, ...]:
        """Codes of each digit."""
        return (self.codebook_size,) * self.groups

    @property
    def code_dim(self) -> int:
        """Channels of a code."""
        return self.dim // self.groups

    def setup(self) -> None:
        """Allocates the codes and their counts."""
        if self.dim % self.groups:
            raise ValueError(f"dim {self.dim} in {self.groups} groups: groups must divide dim")
        shape = (self.groups, self.codebook_size, self.dim // self.groups)
        self.codes = self.variable(
            "codebook", "codes", lambda: _normalize(jax.random.normal(self.make_rng("params"), shape))
        )
        self.counts = self.variable("codebook", "counts", jnp.zeros, shape[:2])

    def __call__(
        self, latents: Latents, *, train: bool = False, key: Key | None = None, active: Bool[Array, ""] | bool = True
    ) -> Quantized:
        """Quantizes; where ``active`` is false (a warm start) the latents pass unquantized and the codebook rests.

        Raises:
            ValueError: if ``train`` is set without a ``key`` for the revival.
        """
        latents = _normalize(rearrange(latents.astype(jnp.float32), "... (g d) -> ... g d", g=self.groups))
        fixed = jax.lax.stop_gradient(latents)
        rows = rearrange(fixed, "... g d -> (...) g d")
        tokens = nearest(rows, self.codes.value).reshape(fixed.shape[:-1])
        codes = self._codes_of(tokens)
        commitment = jnp.mean(jnp.sum(jnp.square(latents - jax.lax.stop_gradient(codes)), -1))
        if train and not self.is_initializing():
            if key is None:
                raise ValueError("VQ revives dead codes at random: pass key= when train=True")
            self._follow(rows, tokens.reshape(-1, self.groups), key, active)
        quantized = jnp.where(active, straight_through(codes, latents), latents)
        return Quantized(
            latents=rearrange(quantized, "... g d -> ... (g d)"),
            tokens=tokens,
            commitment=jnp.where(active, commitment, 0.0),
        )

    def lookup(self, tokens: Int[Array, "*n g"]) -> Float[Array, "*n d"]:
        """The codes of ``tokens``, one group after another."""
        return rearrange(self._codes_of(tokens), "... g d -> ... (g d)")

    def codebooks(self) -> Float[Array, "g v d"]:
        """The codes of each digit."""
        return jnp.asarray(self.codes.value)

    def _codes_of(self, tokens: Int[Array, "*n g"]) -> Float[Array, "*n g d"]:
        return self.codes.value[jnp.arange(self.groups), tokens]

    def _follow(
        self, latents: Float[Array, "n g d"], tokens: Int[Array, "n g"], key: Key, active: Bool[Array, ""] | bool
    ) -> None:
        """Moves every code towards the mean of its latents and revives the dead ones."""
        new, members = sum_by_code(latents, tokens, self.codebook_size)
        counts = self.decay * self.counts.value + (1 - self.decay) * members
        total = self.decay * self.counts.value[..., None] * self.codes.value + (1 - self.decay) * new
        dead = counts < self.revive_below
        chosen = jax.random.randint(key, (self.codebook_size,), 0, latents.shape[0])
        fresh = rearrange(latents[chosen], "v g d -> g v d")
        if self.kmeans:
            first = jnp.all(self.counts.value == 0)
            fresh = jax.lax.cond(first, self._centred, lambda _, codes: codes, latents, fresh)
            dead |= first
        codes = jnp.where(dead[..., None], fresh, _normalize(total))
        counts = jnp.where(dead, 1.0, counts)
        self.codes.value = jnp.where(active, codes, self.codes.value)
        self.counts.value = jnp.where(active, counts, self.counts.value)

    def _centred(self, latents: Float[Array, "n g d"], codes: Float[Array, "g v d"]) -> Float[Array, "g v d"]:
        """Spherical k-means from the given codes (Dhillon & Modha 2001); one that no latent is nearest to stays."""

        def iterate(_: Array, codes: Array) -> Array:
            total, members = sum_by_code(latents, nearest(latents, codes), self.codebook_size)
            return jnp.where(members[..., None] > 0, _normalize(total), codes)

        return jax.lax.fori_loop(0, self.kmeans, iterate, codes)


class FSQ(nn.Module):
    """Finite scalar quantization: every latent dimension is squashed and rounded to one of ``levels`` values.

    Source: Mentzer et al. 2023, §3.1, with latents in [-1, 1].
    """

    levels: tuple[int, ...]

    @property
    def sizes(self) -> tuple[int, ...]:
        """Codes of each digit: the levels."""
        return self.levels

    @property
    def dim(self) -> int:
        """One channel a level."""
        return len(self.levels)

    @property
    def code_dim(self) -> int:
        """Channels of a code: one."""
        return 1

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
        rounded = straight_through(self.lookup(digits), squashed)
        return Quantized(latents=jnp.where(active, rounded, squashed), tokens=digits, commitment=jnp.zeros(()))

    def lookup(self, tokens: Int[Array, "*n g"]) -> Float[Array, "*n d"]:
        """The latents of ``tokens``."""
        half = jnp.asarray(self.levels) // 2
        return (tokens - half) / half

    def codebooks(self) -> Float[Array, "g v 1"]:
        """The value of each level of each digit, in rows of the most levels."""
        half = jnp.asarray(self.levels)[:, None] // 2
        return ((jnp.arange(max(self.levels)) - half) / half)[..., None]
