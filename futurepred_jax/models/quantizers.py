"""Quantizers from continuous latents to tokens and back: VQ and FSQ here, LFQ in ``lfq``, with one interface.

A token has ``g`` digits, one for each codebook: VQ and LFQ have a codebook for each group of channels, and FSQ one for
each channel. A quantizer has the attributes ``sizes`` (number of codes of each digit), ``dim`` (channels of latents)
and ``code_dim`` (channels of a code). Its methods are ``__call__``, which quantizes with a gradient, ``lookup``, which
returns the latents of tokens, and ``codebooks``, which returns the vectors of all codes.
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
    """Quantized latents and what the training loss needs of them.

    Attributes:
        latents: The latents after quantization, with the straight-through gradient.
        tokens: Their tokens.
        commitment: Mean squared distance from the encoder's output to its code.
        entropy: LFQ's entropy penalty in nats; None for other quantizers.
    """

    latents: Latents
    tokens: TokenGrid
    commitment: Float[Array, ""]
    entropy: Float[Array, ""] | None = None


def codebook_usage(tokens: Int[Array, "*n g"], sizes: tuple[int, ...]) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Measures how many codes the tokens of a batch use.

    Args:
        tokens: The tokens.
        sizes: Number of codes of each digit.

    Returns:
        The share of all codes that occur, in [0, 1], and the perplexity exp(entropy), with the mean entropy of the
        digits.
    """
    used, entropy = jnp.zeros(()), jnp.zeros(())
    for digit, size in enumerate(sizes):
        counts = jnp.bincount(tokens[..., digit].reshape(-1), length=size)
        share = counts / counts.sum()
        used += jnp.sum(counts > 0)
        entropy -= jnp.sum(share * jnp.log(jnp.maximum(share, 1e-12)))
    return used / sum(sizes), jnp.exp(entropy / len(sizes))


def straight_through(value: Array, surrogate: Array) -> Array:
    """Returns ``value``, with the gradient of ``surrogate``."""
    return surrogate + jax.lax.stop_gradient(value - surrogate)


def _normalize(vectors: Array) -> Array:
    return vectors * jax.lax.rsqrt(jnp.sum(jnp.square(vectors), -1, keepdims=True) + 1e-8)


class VQ(nn.Module):
    """Vector quantization on the unit sphere, with codebooks that are exponential moving averages of their latents.

    Each of ``groups`` equal groups of channels has its own codebook (product quantization), so that g digits of v codes
    distinguish as many tokens as one digit of v^g codes. A code whose average count falls below ``revive_below`` is
    replaced by a random latent of the batch. All counts start at zero, so the first quantized step fills the whole
    codebook with latents, which ``kmeans`` iterations of k-means then refine. The codebooks are in the collection
    ``codebook`` and change only if it is mutable and ``train`` is set.

    Source: van den Oord et al. 2017, appendix A.1 (EMA); ViT-VQGAN §3.2 (l2-normalised, low-dimensional codes);
    Jégou et al. 2011 (product quantization); Jukebox §A.1 (random restarts).

    Attributes:
        codebook_size: Number of codes of each digit.
        dim: Channels of the latents.
        groups: Number of digits of a token; it divides ``dim``.
        decay: Decay of the moving averages, in [0, 1).
        revive_below: Average number of latents of a step below which a code is replaced.
        kmeans: Iterations of Lloyd's algorithm at the first quantized step.
    """

    codebook_size: int
    dim: int = 16
    groups: int = 1
    decay: float = 0.99
    revive_below: float = 0.1
    kmeans: int = 0

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of codes of each digit."""
        return (self.codebook_size,) * self.groups

    @property
    def code_dim(self) -> int:
        """Channels of a code."""
        return self.dim // self.groups

    def setup(self) -> None:
        """Declares the codes and their counts."""
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
        """Quantizes latents.

        Args:
            latents: Latents from the encoder.
            train: Whether the codebook is updated.
            key: Random key for the revival of codes, needed if ``train`` is set.
            active: Whether to quantize; if false (a warm-up step), latents and codebook stay unchanged.

        Raises:
            ValueError: If ``train`` is set without a ``key``.
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
        """Returns the latents of ``tokens``: the codes of their digits, concatenated."""
        return rearrange(self._codes_of(tokens), "... g d -> ... (g d)")

    def codebooks(self) -> Float[Array, "g v d"]:
        """Returns the codes of each digit."""
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
        """Runs spherical k-means (Dhillon & Modha 2001) from the given codes; codes without latents stay."""

        def iterate(_: Array, codes: Array) -> Array:
            total, members = sum_by_code(latents, nearest(latents, codes), self.codebook_size)
            return jnp.where(members[..., None] > 0, _normalize(total), codes)

        return jax.lax.fori_loop(0, self.kmeans, iterate, codes)


class FSQ(nn.Module):
    """Finite scalar quantization: every latent dimension is squashed and rounded to one of ``levels`` values.

    Source: Mentzer et al. 2023, §3.1, with latents in [-1, 1].

    Attributes:
        levels: Number of values of each dimension, the digits of a token.
    """

    levels: tuple[int, ...]

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of codes of each digit: its levels."""
        return self.levels

    @property
    def dim(self) -> int:
        """Channels of the latents: one for each digit."""
        return len(self.levels)

    @property
    def code_dim(self) -> int:
        """Channels of a code: 1."""
        return 1

    def __call__(
        self, latents: Latents, *, train: bool = False, key: Key | None = None, active: Bool[Array, ""] | bool = True
    ) -> Quantized:
        """Quantizes latents.

        Args:
            latents: Latents from the encoder.
            train: Not used: there is nothing to learn.
            key: Not used: there is nothing random.
            active: Whether to round; if false (a warm-up step), the squashed latents are returned unrounded.
        """
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
        """Returns the latents of ``tokens``."""
        half = jnp.asarray(self.levels) // 2
        return (tokens - half) / half

    def codebooks(self) -> Float[Array, "g v 1"]:
        """Returns the value of each level of each digit; shorter rows are padded to the most levels."""
        half = jnp.asarray(self.levels)[:, None] // 2
        return ((jnp.arange(max(self.levels)) - half) / half)[..., None]
