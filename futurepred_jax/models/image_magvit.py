"""MagVit of images, for clips too: it takes every frame of one alone, T = 1, so that no frame tells of another.

What it is for is to be inflated, see ``models.inflation``.
"""

import jax.numpy as jnp
from einops import rearrange

from futurepred_jax.arrays import Latents, TokenGrid, Video
from futurepred_jax.models.magvit import MagVit


class ImageMagVit(MagVit):
    """The tokenizer. Its strides leave time alone: a clip of ``t`` frames has ``t`` latent frames."""

    causal = False  # a clip is taken at once, for there is no past to keep

    def latents(self, video: Video) -> Latents:
        """Frames in [-1, 1] to what is quantized. Raises as ``check``."""
        self.check(video.shape)
        found = self.encoder(rearrange(video, "b t h w c -> (b t) 1 h w c"))
        return rearrange(found, "(b t) 1 h w c -> b t h w c", b=len(video))

    def decode_latents(self, latents: Latents) -> Video:
        """Latents, of codes or between them, to frames, nominally in [-1, 1]."""
        drawn = self.decoder(rearrange(latents, "b t h w c -> (b t) 1 h w c"))
        return rearrange(drawn, "(b t) 1 h w c -> b t h w c", b=len(latents))

    def decode(self, tokens: TokenGrid, *, first: bool = True) -> Video:
        """Tokens to frames, clipped to [-1, 1]."""
        del first  # there are no chunks
        return jnp.clip(self.decode_latents(self.quantizer.lookup(tokens)), -1.0, 1.0)

    def check(self, shape: tuple[int, ...]) -> None:
        """Raises a ValueError that states the rule if a video of this shape [b t h w c] cannot be encoded."""
        if self.stride[0] != 1:
            raise ValueError(f"strides {self.strides}: those of an image tokenizer leave time alone, as (1, 2, 2)")
        super().check(shape)
