"""The shape glossary: one name for each kind of array that the packages exchange.

Letters, the same in annotations and in einops patterns: ``b t h w c`` video, ``b lt lh lw d`` latents,
``b n`` flat tokens in raster order (t, h, w), ``g`` digits of a token, ``v`` codes of a digit, ``k`` object slots of a
scene.
"""

from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray, UInt8

Video = Float[Array, "b t h w c"]
"""Frames in [-1, 1], channels last: what models read and write."""

Frames = UInt8[Array, "b t h w c"]
"""Frames at rest: uint8 in [0, 255]."""

Mask = Bool[Array, "b t h w"]
"""True on the foreground."""

Latents = Float[Array, "b lt lh lw d"]
"""Continuous features on the tokenizer's grid."""

TokenGrid = Int[Array, "b lt lh lw g"]
"""Tokens on the tokenizer's grid, each of ``g`` digits: its index in every codebook."""

Tokens = Int[Array, "b n g"]
"""Tokens, flattened in raster order (t, h, w)."""

Logits = Float[Array, "b n g v"]
"""Unnormalised log-probabilities of every digit, given the tokens and the digits before it."""

Key = PRNGKeyArray
"""A typed key from ``jax.random.key``."""
