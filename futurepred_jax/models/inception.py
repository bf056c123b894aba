"""Inception-I3D: Inception-v1 inflated in time (arXiv:1705.07750), the network of the Fréchet Video Distance."""

from collections import OrderedDict

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from futurepred_jax.arrays import Video
from futurepred_jax.models.layers import Pads, Size3, fan_in, max_pool, same_padding
from futurepred_jax.models.resnet3d import Conv, Endpoints

Branches = tuple[int, int, int, int, int, int]
"""Channels of branch 0, of the two convolutions of branches 1 and 2, and of branch 3 (Inception-v1, Table 1)."""

LAYERS: dict[str, Branches | tuple[Size3, Size3] | tuple[int, Size3, Size3]] = {
    "Conv3d_1a_7x7": (64, (7, 7, 7), (2, 2, 2)),
    "MaxPool3d_2a_3x3": ((1, 3, 3), (1, 2, 2)),
    "Conv3d_2b_1x1": (64, (1, 1, 1), (1, 1, 1)),
    "Conv3d_2c_3x3": (192, (3, 3, 3), (1, 1, 1)),
    "MaxPool3d_3a_3x3": ((1, 3, 3), (1, 2, 2)),
    "Mixed_3b": (64, 96, 128, 16, 32, 32),
    "Mixed_3c": (128, 128, 192, 32, 96, 64),
    "MaxPool3d_4a_3x3": ((3, 3, 3), (2, 2, 2)),
    "Mixed_4b": (192, 96, 208, 16, 48, 64),
    "Mixed_4c": (160, 112, 224, 24, 64, 64),
    "Mixed_4d": (128, 128, 256, 24, 64, 64),
    "Mixed_4e": (112, 144, 288, 32, 64, 64),
    "Mixed_4f": (256, 160, 320, 32, 128, 128),
    "MaxPool3d_5a_2x2": ((2, 2, 2), (2, 2, 2)),
    "Mixed_5b": (256, 160, 320, 32, 128, 128),
    "Mixed_5c": (384, 192, 384, 48, 128, 128),
}
"""Layers by published name: Inception block, max pooling (window, strides) or convolution (channels, size, strides)."""

HEAD_FRAMES = 2  # number of latent frames that are averaged before the logits
MIN_FRAMES = 9  # least number of frames of a clip with HEAD_FRAMES latent frames


class Unit(nn.Module):
    """Convolution, BatchNorm without a scale, ReLU: Sonnet's ``Unit3D``."""

    features: int
    kernel_size: Size3 = (1, 1, 1)
    strides: Size3 = (1, 1, 1)

    @nn.compact
    def __call__(self, video: Float[Array, "b t h w c"], *, train: bool) -> Float[Array, "b t2 h2 w2 d"]:
        """Applies the layers, with the batch's statistics in training and the running ones otherwise."""
        conv = Conv(self.features, self.kernel_size, self.strides, kernel_init=fan_in, name="conv")
        out = conv(video, all_same(video, self.kernel_size, self.strides))
        norm = nn.BatchNorm(not train, momentum=0.9, epsilon=1e-3, use_scale=False, dtype=out.dtype, name="norm")
        return nn.relu(norm(out))


class Mixed(nn.Module):
    """Inception block of four branches, with the published 3 × 3 × 3 in place of the paper's 5 × 5."""

    branches: Branches

    @nn.compact
    def __call__(self, video: Float[Array, "b t h w c"], *, train: bool) -> Float[Array, "b t h w d"]:
        """Returns the concatenated channels of the branches."""
        b0, b1a, b1b, b2a, b2b, b3 = self.branches
        one = Unit(b1a, name="branch1a")(video, train=train)
        two = Unit(b2a, name="branch2a")(video, train=train)
        parts = [
            Unit(b0, name="branch0")(video, train=train),
            Unit(b1b, (3, 3, 3), name="branch1b")(one, train=train),
            Unit(b2b, (3, 3, 3), name="branch2b")(two, train=train),
            Unit(b3, name="branch3")(max_same(video, (3, 3, 3), (1, 1, 1)), train=train),
        ]
        return jnp.concatenate(parts, axis=-1)


class InceptionI3D(nn.Module):
    """Inception-I3D; 12,689,984 parameters with 400 classes.

    Attributes:
        num_classes: Number of classes of the head; None for no head.
        width: Channels of the stem, 64 as published; all others keep their ratio to it.
        dropout: Dropout rate before the head, in training.
    """

    num_classes: int | None = None
    width: int = 64
    dropout: float = 0.5

    @nn.compact
    def __call__(self, video: Video, *, train: bool = False) -> Endpoints:
        """Returns the endpoints of ``LAYERS`` for frames in [-1, 1].

        Raises:
            ValueError: If there is a head and the clip has fewer than 9 frames, too few for two latent frames.
        """
        if self.num_classes is not None and video.shape[1] < MIN_FRAMES:
            raise ValueError(f"clip of {video.shape[1]} frames: InceptionI3D's head needs {MIN_FRAMES} or more")
        features: OrderedDict[str, Array] = OrderedDict()
        x = video
        for name, layer in LAYERS.items():
            if len(layer) == 2:
                x = max_same(x, *layer)
            elif len(layer) == 3:
                x = Unit(self._scaled(layer[0]), *layer[1:], name=name)(x, train=train)
            else:
                a, b, c, d, e, f = map(self._scaled, layer)
                x = Mixed((a, b, c, d, e, f), name=name)(x, train=train)
            features[name] = x
        return Endpoints(features, self._logits(x, train))

    def _scaled(self, features: int) -> int:
        return max(1, features * self.width // 64)

    def _logits(self, x: Array, train: bool) -> Array | None:
        """Returns the logits of means over space and two successive frames, averaged over time."""
        if self.num_classes is None:
            return None
        frames = x.mean((2, 3))
        pooled = (frames[:, 1:] + frames[:, :-1]) / HEAD_FRAMES
        pooled = nn.Dropout(self.dropout, deterministic=not train)(pooled)
        return nn.Dense(self.num_classes, dtype=x.dtype, name="logits")(pooled).mean(1)


def all_same(video: Float[Array, "b t h w c"], window: Size3, strides: Size3) -> Pads:
    """Returns TensorFlow's 'SAME' padding of all three axes."""
    time, height, width = map(same_padding, video.shape[1:4], window, strides)
    return time, height, width


def max_same(video: Float[Array, "b t h w c"], window: Size3, strides: Size3) -> Float[Array, "b t2 h2 w2 c"]:
    """Returns maxima over windows with 'SAME' padding, which does not count."""
    return max_pool(video, window, strides, all_same(video, window, strides))
