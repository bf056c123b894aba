"""The discriminator of recorded clips and reconstructions: StyleGAN's in three dimensions, as in MAGVIT.

Source: MAGVIT (Yu et al. 2022, arXiv:2212.05199), §3.1 and its published code; StyleGAN2 (Karras et al. 2020,
arXiv:1912.04958), §4, the residual discriminator.
"""

import math

import jax.numpy as jnp
from einops import rearrange, reduce
from flax import linen as nn
from jaxtyping import Array, Float

from futurepred_jax.arrays import Video
from futurepred_jax.models.same import SameConv

SLOPE = 0.2  # negative slope of the leaky rectifier, as in StyleGAN


class Discriminator(nn.Module):
    """Network from a clip to the logit that it is a recorded one.

    The last layers are dense, so that all clips must have the length and size of the one at initialisation.

    Attributes:
        filters: Channels at full resolution.
        multipliers: Channels of each block divided by ``filters``; each block halves frames, height and width.
    """

    filters: int = 64
    multipliers: tuple[int, ...] = (2, 4, 4, 4)

    @nn.compact
    def __call__(self, video: Video) -> Float[Array, "b"]:
        """Returns the logits of clips in [-1, 1]."""
        out = _leaky(SameConv(self.filters)(video))
        for multiplier in self.multipliers:
            out = HalvingBlock(self.filters * multiplier)(out)
        features = self.filters * self.multipliers[-1]
        out = _leaky(SameConv(features)(out))
        out = _leaky(nn.Dense(features)(rearrange(out, "b t h w d -> b (t h w d)")))
        return nn.Dense(1)(out)[:, 0]


class HalvingBlock(nn.Module):
    """Residual block of two convolutions with average pooling between them."""

    features: int

    @nn.compact
    def __call__(self, video: Float[Array, "b t h w c"]) -> Float[Array, "b t2 h2 w2 d"]:
        """Returns the clip with every axis halved, rounded up."""
        out = halved(_leaky(SameConv(video.shape[-1])(video)))
        out = _leaky(SameConv(self.features)(out))
        shortcut = SameConv(self.features, (1, 1, 1), use_bias=False)(halved(video))
        return (shortcut + out) / math.sqrt(2)


def halved(video: Float[Array, "b t h w c"]) -> Float[Array, "b t2 h2 w2 c"]:
    """Returns means of 2 × 2 × 2 places; the last place of an odd axis is repeated."""
    odd = [(0, 0), *((0, size % 2) for size in video.shape[1:4]), (0, 0)]
    return reduce(jnp.pad(video, odd, mode="edge"), "b (t 2) (h 2) (w 2) c -> b t h w c", "mean")


def _leaky(features: Array) -> Array:
    return nn.leaky_relu(features, SLOPE)
