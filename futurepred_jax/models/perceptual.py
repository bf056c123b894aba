"""LPIPS: a perceptual distance of images from features of a classification network (arXiv:1801.03924).

Version 0.1, "lin": unit-normalised features of five layers, squared differences weighted by channel.
"""

from typing import Literal

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

Frames = Float[Array, "n h w 3"]
"""Images in [-1, 1]."""

SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)  # ImageNet's mean and deviation, for images in [-1, 1]
LAYERS = 5
EPSILON = 1e-10  # added to the length of feature vectors, as in the reference implementation

VGG16_BLOCKS = (
    (64, 2),
    (128, 2),
    (256, 3),
    (512, 3),
    (512, 3),
)  # channels and number of convolutions; max pooling between blocks


class AlexNet(nn.Module):
    """The five convolutions of AlexNet (arXiv:1404.5997), each after its ReLU."""

    @nn.compact
    def __call__(self, frames: Frames) -> list[Float[Array, "n i j d"]]:
        """Returns the features of every layer."""
        first = nn.relu(nn.Conv(64, (11, 11), strides=(4, 4), padding=2)(frames))
        second = nn.relu(nn.Conv(192, (5, 5), padding=2)(_halved(first, 3)))
        third = nn.relu(nn.Conv(384, (3, 3), padding=1)(_halved(second, 3)))
        fourth = nn.relu(nn.Conv(256, (3, 3), padding=1)(third))
        return [first, second, third, fourth, nn.relu(nn.Conv(256, (3, 3), padding=1)(fourth))]


class VGG16(nn.Module):
    """The thirteen convolutions of VGG-16 (arXiv:1409.1556), with features at the end of each block."""

    @nn.compact
    def __call__(self, frames: Frames) -> list[Float[Array, "n i j d"]]:
        """Returns the features of every block."""
        features = []
        for number, (channels, convolutions) in enumerate(VGG16_BLOCKS):
            frames = _halved(frames, 2) if number else frames
            for _ in range(convolutions):
                frames = nn.relu(nn.Conv(channels, (3, 3), padding=1)(frames))
            features.append(frames)
        return features


NETWORKS = {"alex": AlexNet, "vgg": VGG16}
SMALLEST = {"alex": 31, "vgg": 16}  # least side of an image in pixels with features in every layer


class Perceptual(nn.Module):
    """LPIPS of pairs of images; 0 for identical ones.

    Attributes:
        network: Network of the features.
    """

    network: Literal["alex", "vgg"] = "alex"

    @nn.compact
    def __call__(self, first: Frames, second: Frames) -> Float[Array, "n"]:
        """Returns the distance of each pair of images in [-1, 1].

        Raises:
            ValueError: If the images are too small for the network.
        """
        if min(first.shape[1:3]) < SMALLEST[self.network]:
            raise ValueError(
                f"frames of {first.shape[1]} x {first.shape[2]}: LPIPS with {self.network} needs "
                f"{SMALLEST[self.network]} pixels a side; take larger ones, or leave it out"
            )
        features = NETWORKS[self.network](name="features")
        total = jnp.zeros(len(first))
        for i, (x, y) in enumerate(zip(features(_standard(first)), features(_standard(second)), strict=True)):
            weights = self.param(f"layer_{i}", nn.initializers.ones, (x.shape[-1],))
            total += jnp.mean(jnp.square(_unit(x) - _unit(y)) @ weights, axis=(1, 2))
        return total


def _halved(features: Float[Array, "n i j d"], window: int) -> Float[Array, "n i2 j2 d"]:
    return nn.max_pool(features, (window, window), strides=(2, 2))


def _standard(frames: Frames) -> Frames:
    return (frames - jnp.asarray(SHIFT)) / jnp.asarray(SCALE)


def _unit(features: Float[Array, "n i j d"]) -> Float[Array, "n i j d"]:
    """Normalises feature vectors to length 1; a zero vector stays zero and has zero gradient."""
    squared = jnp.sum(jnp.square(features), axis=-1, keepdims=True)
    some = squared > 0
    return jnp.where(some, features / (jnp.sqrt(jnp.where(some, squared, 1.0)) + EPSILON), 0.0)
