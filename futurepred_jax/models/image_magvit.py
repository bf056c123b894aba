"""MagVit of images, which encodes and decodes every frame of a clip by itself; ``models.inflation`` inflates it."""

import jax.numpy as jnp
from einops import rearrange

from futurepred_jax.arrays import Latents, TokenGrid, Video
from futurepred_jax.models.magvit import MagVit


class ImageMagVit(MagVit):
    """The tokenizer of images. Its strides in time are 1: a clip of ``t`` frames has ``t`` latent frames."""

    causal = False  # clips are not encoded in chunks, since frames have no state in common

    def latents(self, video: Video) -> Latents:
        """Returns the encoder's output for frames in [-1, 1].

        Raises:
            ValueError: If the sides are not multiples of the stride.
        """
        self.check(video.shape)
        found = self.encoder(rearrange(video, "b t h w c -> (b t) 1 h w c"))
        return rearrange(found, "(b t) 1 h w c -> b t h w c", b=len(video))

    def decode_latents(self, latents: Latents) -> Video:
        """Returns the frames of latents, nominally in [-1, 1]; the latents need not be those of codes."""
        frames = self.decoder(rearrange(latents, "b t h w c -> (b t) 1 h w c"))
        return rearrange(frames, "(b t) 1 h w c -> b t h w c", b=len(latents))

    def decode(self, tokens: TokenGrid, *, first: bool = True) -> Video:
        """Returns the frames of tokens, clipped to [-1, 1]."""
        del first  # there are no chunks
        return jnp.clip(self.decode_latents(self.quantizer.lookup(tokens)), -1.0, 1.0)

    def check(self, shape: tuple[int, ...]) -> None:
        """Checks that a video of shape [b t h w c] can be encoded.

        Raises:
            ValueError: If it cannot; the message states the rule.
        """
        if self.stride[0] != 1:
            raise ValueError(f"strides {self.strides}: those of an image tokenizer leave time alone, as (1, 2, 2)")
        super().check(shape)
