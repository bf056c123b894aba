"""Lookup-free quantization: the signs of the latents are the code, so that a large codebook needs no table.

Source: MAGVIT-v2 (Yu et al. 2023, arXiv:2310.05737), §3.1.
"""

import jax
import jax.numpy as jnp
import numpy as np
from einops import rearrange
from flax import linen as nn
from jaxtyping import Array, Bool, Float, Int

from futurepred_jax.arrays import Key, Latents
from futurepred_jax.models.quantizers import Quantized, straight_through

RAREST = 1e-30  # least mean probability of a code: at 0 the slope of the entropy is infinite


class LFQ(nn.Module):
    """Binary codes: 2^bits tokens in all, factorised into ``groups`` digits of 2^(bits / groups) codes each.

    The entropy penalty E[H(p(c|z))] - H(E[p(c|z)]) drives each latent towards one code and the codes towards equal
    frequency; p is the softmax of the negative squared distances to the codes. The first entropy is the sum over bits,
    which are independent given the latent; the second is that of a digit's mean distribution over the whole batch. Both
    are averaged over digits, in nats.

    Attributes:
        bits: Channels of the latents, one for each bit.
        groups: Number of digits of a token, which a predictor predicts one after another; it divides ``bits``.
        temperature: Temperature of p; a latent at distance ``temperature / 2`` from zero has p = 0.88 for its bit.
    """

    bits: int
    groups: int = 1
    temperature: float = 1.0

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of codes of each digit."""
        return (2 ** (self.bits // self.groups),) * self.groups

    @property
    def dim(self) -> int:
        """Channels of the latents: one for each bit."""
        return self.bits

    @property
    def code_dim(self) -> int:
        """Channels of a code: the number of bits of a digit."""
        return self.bits // self.groups

    def setup(self) -> None:
        """Checks the attributes."""
        if self.bits % self.groups:
            raise ValueError(f"{self.bits} bits in {self.groups} groups: groups must divide bits")

    def __call__(
        self, latents: Latents, *, train: bool = False, key: Key | None = None, active: Bool[Array, ""] | bool = True
    ) -> Quantized:
        """Quantizes latents.

        Args:
            latents: Latents from the encoder.
            train: Not used: there is nothing to learn.
            key: Not used: there is nothing random.
            active: Whether to quantize; if false (a warm-up step), the latents are returned unchanged.
        """
        del train, key  # nothing to learn and nothing random
        latents = latents.astype(jnp.float32)
        codes = jnp.where(latents > 0, 1.0, -1.0)
        commitment = jnp.mean(jnp.square(latents - codes))
        return Quantized(
            latents=jnp.where(active, straight_through(codes, latents), latents),
            tokens=self._tokens(codes),
            commitment=jnp.where(active, commitment, 0.0),
            entropy=jnp.where(active, self._entropy_penalty(latents), 0.0),
        )

    def lookup(self, tokens: Int[Array, "*n g"]) -> Float[Array, "*n d"]:
        """Returns the bits of ``tokens`` as -1 and 1, digit by digit, the most significant bit first."""
        return rearrange(jnp.asarray(self._table())[tokens], "... g e -> ... (g e)")

    def codebooks(self) -> Float[Array, "g v d"]:
        """Returns the bits of every code as -1 and 1, the same for every digit."""
        return jnp.broadcast_to(jnp.asarray(self._table()), (self.groups, *self._table().shape))

    def _tokens(self, codes: Latents) -> Int[Array, "*n g"]:
        bits = rearrange(codes > 0, "... (g e) -> ... g e", g=self.groups).astype(jnp.int32)
        return jnp.sum(bits << np.arange(self.code_dim)[::-1], axis=-1)

    def _table(self) -> Float[np.ndarray, "v e"]:
        bits = np.arange(self.sizes[0])[:, None] >> np.arange(self.code_dim)[::-1] & 1
        return (2.0 * bits - 1).astype(np.float32)

    def _entropy_penalty(self, latents: Latents) -> Float[Array, ""]:
        logits = 4 * latents / self.temperature  # (z + 1)² - (z - 1)², of the bit 1 against the bit 0
        of_bits = jnp.mean(sum(jax.nn.sigmoid(x) * jax.nn.softplus(-x) for x in (logits, -logits)))
        rows = rearrange(logits, "b t h w (g e) -> (b t h w) g e", g=self.groups)
        mean = jnp.maximum(jnp.mean(jax.nn.softmax(rows @ self._table().T / 2), axis=0), RAREST)
        of_digits = jnp.mean(jnp.sum(jax.scipy.special.entr(mean), axis=-1))
        return self.code_dim * of_bits - of_digits
