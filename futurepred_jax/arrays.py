"""The shape glossary: one name for each kind of array that the packages exchange.

A token consists of one index into each of ``g`` codebooks; such an index is called a digit of the token.

Axes have the same letters in annotations and in einops patterns: ``b t h w c`` of a video, ``b lt lh lw d`` of latents,
``b n`` of flat tokens in raster order (t, h, w), ``g`` digits of a token, ``v`` codes of a digit, and ``k`` object
slots of a scene.
"""

from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray, UInt8

Video = Float[Array, "b t h w c"]
"""Frames in [-1, 1], channels last, as models take and return them."""

UnitVideo = Float[Array, "b t h w c"]
"""Frames in [0, 1], channels last, as the public interface returns them and metrics take them."""

Frames = UInt8[Array, "b t h w c"]
"""Frames as they are stored: uint8 in [0, 255]."""

Mask = Bool[Array, "b t h w"]
"""True on the foreground."""

Latents = Float[Array, "b lt lh lw d"]
"""Continuous features on the tokenizer's grid of ``lt`` latent frames, ``lh`` rows and ``lw`` columns."""

TokenGrid = Int[Array, "b lt lh lw g"]
"""Tokens on the tokenizer's grid, each of ``g`` digits."""

Tokens = Int[Array, "b n g"]
"""Tokens, flattened in raster order (t, h, w)."""

Logits = Float[Array, "b n g v"]
"""Unnormalised log-probabilities of the ``v`` codes of each digit, given the tokens and digits before it."""

Key = PRNGKeyArray
"""A typed key from ``jax.random.key``."""
