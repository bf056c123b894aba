"""Common parts of the published motion networks: their input, their named endpoints, and 3D ResNets."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from flax import struct
from jaxtyping import Array, Float

from futurepred_jax.arrays import Video
from futurepred_jax.models.layers import Initializer, Pads, Size3, conv3d, max_pool

KINETICS_MEAN, KINETICS_STD = 0.45, 0.225  # of every channel of frames in [0, 1]
EXPANSION = 4  # output channels of a bottleneck for each inner channel

msra = nn.initializers.variance_scaling(2.0, "fan_out", "normal")
"""He et al.'s initialisation, with the fan-out over all taps of a kernel (Caffe2's MSRAFill)."""


@struct.dataclass
class Endpoints:
    """Features of a motion network, stage by stage.

    Attributes:
        features: Features by the published name of the endpoint, from the first to the last; an ``OrderedDict``,
            because ``jit`` sorts the keys of a ``dict``.
        logits: Unnormalised log-probabilities of the classes; None without a head.
    """

    features: dict[str, Float[Any, "b t h w c"]]  # Any: under eval_shape, shapes stand for arrays
    logits: Float[Any, "b k"] | None


def resample(video: Video, frames: int, side: int) -> Float[Array, "b t2 side side c"]:
    """Resamples a clip to ``frames`` frames of ``side × side`` pixels.

    The frames are those of ``frame_indices(T, frames)``, some of them twice if the clip is shorter. Height and width
    are interpolated bilinearly with pixel centres at half-integers and without antialiasing, as in the preprocessing of
    the published networks; a clip that is not square is squeezed.
    """
    b, t, _, _, c = video.shape
    video = video[:, frame_indices(t, frames)]
    if video.shape[2:4] == (side, side):
        return video
    return jax.image.resize(video, (b, frames, side, side, c), "bilinear", antialias=False)


def frame_indices(frames: int, count: int) -> np.ndarray:
    """Returns ``count`` frame indices, evenly spaced from the first frame to the last and rounded down.

    These are the indices ``torch.linspace(0, frames - 1, count).long()`` of SlowFast's Slow pathway, but exact: in
    clips of 160 frames and more, torch's rounding may give the frame before.

    Args:
        frames: Number of frames of the clip.
        count: Number of indices.
    """
    return np.arange(count) * (frames - 1) // max(1, count - 1)


def kinetics_normalised(video: Video) -> Video:
    """Normalises frames in [-1, 1] to zero mean and unit variance over Kinetics."""
    return ((video + 1) / 2 - KINETICS_MEAN) / KINETICS_STD


def centred(window: Size3) -> Pads:
    """Returns symmetric padding, as in torch; 'SAME' would be one off for even sizes with strides."""
    t, h, w = (size // 2 for size in window)
    return (t, t), (h, h), (w, w)


class Conv(nn.Module):
    """3D convolution with explicit padding and without bias."""

    features: int
    kernel_size: Size3
    strides: Size3 = (1, 1, 1)
    kernel_init: Initializer = msra

    @nn.compact
    def __call__(self, video: Float[Array, "b t h w c"], pads: Pads) -> Float[Array, "b t2 h2 w2 d"]:
        """Convolves as ``conv3d``, in the dtype of its input."""
        kernel = self.param("kernel", self.kernel_init, (*self.kernel_size, video.shape[-1], self.features))
        return conv3d(video, kernel.astype(video.dtype), self.strides, pads)


class ConvNorm(nn.Module):
    """Convolution with symmetric padding, then BatchNorm."""

    features: int
    kernel_size: Size3
    strides: Size3 = (1, 1, 1)
    scale_init: Initializer = nn.initializers.ones

    @nn.compact
    def __call__(self, video: Float[Array, "b t h w c"], *, train: bool) -> Float[Array, "b t2 h2 w2 d"]:
        """Applies the layers, with the batch's statistics in training and the running ones otherwise."""
        out = Conv(self.features, self.kernel_size, self.strides, name="conv")(video, centred(self.kernel_size))
        return nn.BatchNorm(
            use_running_average=not train,
            momentum=0.9,
            epsilon=1e-5,
            scale_init=self.scale_init,
            dtype=out.dtype,
            name="norm",
        )(out)


class Stem(nn.Module):
    """Convolution of ``frames × 7 × 7`` and max pooling in space, each with stride 2 in space."""

    features: int
    frames: int

    @nn.compact
    def __call__(self, video: Float[Array, "b t h w c"], *, train: bool) -> Float[Array, "b t h2 w2 d"]:
        """Returns features of a quarter of the height and width."""
        out = nn.relu(ConvNorm(self.features, (self.frames, 7, 7), (1, 2, 2))(video, train=train))
        return max_pool(out, (1, 3, 3), (1, 2, 2), centred((1, 3, 3)))


class Bottleneck(nn.Module):
    """Residual block of ``frames × 1 × 1``, ``1 × 3 × 3`` (strided) and ``1 × 1 × 1``; it starts as its shortcut.

    Source: ResNet-50 with the stride on the 3 × 3 convolution (PySlowFast ``STRIDE_1X1: False``), inflated as I3D's.
    """

    inner: int
    frames: int
    stride: int

    @nn.compact
    def __call__(self, video: Float[Array, "b t h w c"], *, train: bool) -> Float[Array, "b t h2 w2 d"]:
        """Returns the sum of the residual branch and the shortcut, projected where the shape changes."""
        outer, strides = EXPANSION * self.inner, (1, self.stride, self.stride)
        out = nn.relu(ConvNorm(self.inner, (self.frames, 1, 1), name="a")(video, train=train))
        out = nn.relu(ConvNorm(self.inner, (1, 3, 3), strides, name="b")(out, train=train))
        out = ConvNorm(outer, (1, 1, 1), scale_init=nn.initializers.zeros, name="c")(out, train=train)
        if self.stride > 1 or video.shape[-1] != outer:
            video = ConvNorm(outer, (1, 1, 1), strides, name="shortcut")(video, train=train)
        return nn.relu(video + out)


class Stage(nn.Module):
    """Bottlenecks one after another: the first has the stride, and ``windows`` are their kernel sizes in time."""

    inner: int
    blocks: int
    windows: tuple[int, ...]
    stride: int

    @nn.compact
    def __call__(self, video: Float[Array, "b t h w c"], *, train: bool) -> Float[Array, "b t h2 w2 d"]:
        """Returns the stage's endpoint."""
        for i in range(self.blocks):
            frames, stride = self.windows[i % len(self.windows)], 1 if i else self.stride
            video = Bottleneck(self.inner, frames, stride, name=f"block{i}")(video, train=train)
        return video


class Head(nn.Module):
    """Mean over all places of each pathway, dropout, and a linear map to classes."""

    num_classes: int | None
    dropout: float

    @nn.compact
    def __call__(self, pathways: Sequence[Float[Array, "b _ _ _ _"]], *, train: bool) -> Float[Array, "b k"] | None:
        """Returns the logits, or None without classes."""
        if self.num_classes is None:
            return None
        pooled = jnp.concatenate([features.mean((1, 2, 3), dtype=jnp.float32) for features in pathways], axis=-1)
        pooled = nn.Dropout(self.dropout, deterministic=not train)(pooled)
        init = nn.initializers.normal(0.01)
        return nn.Dense(self.num_classes, kernel_init=init, dtype=pooled.dtype, name="classes")(pooled)


class ResNet3D(nn.Module):
    """A ResNet over one clip; ``I3D`` and ``Slow`` are its published instances.

    Attributes:
        num_classes: Number of classes of the head; None for no head.
        width: Channels of the stem; stage ``i`` has ``4 · width · 2^i``.
        blocks: Number of bottlenecks of each stage; (3, 4, 6, 3) is a ResNet-50.
        stem_frames: Kernel size in time of the stem.
        windows: Kernel sizes in time of the bottlenecks of each stage, repeated.
        pool_frames: Number of frames of the max pooling in time after the first stage.
        dropout: Dropout rate before the head, in training.
        dtype: Type of activations; parameters, norms' statistics and the head are float32.
    """

    num_classes: int | None = None
    width: int = 64
    blocks: tuple[int, ...] = (3, 4, 6, 3)
    stem_frames: int = 1
    windows: tuple[tuple[int, ...], ...] = ((1,), (1,), (1,), (1,))
    pool_frames: int = 1
    dropout: float = 0.5
    dtype: str = "float32"

    @nn.compact
    def __call__(self, video: Video, *, train: bool = False) -> Endpoints:
        """Returns the endpoints stem, res2, res3, … for frames in [-1, 1].

        Raises:
            ValueError: If the clip has fewer frames than ``pool_frames``.
        """
        if video.shape[1] < self.pool_frames:
            raise ValueError(f"clip of {video.shape[1]} frames: {type(self).__name__} needs {self.pool_frames} or more")
        features: OrderedDict[str, Array] = OrderedDict()
        video = kinetics_normalised(video).astype(self.dtype)
        x = Stem(self.width, self.stem_frames, name="stem")(video, train=train)
        features["stem"] = x
        for i, (blocks, windows) in enumerate(zip(self.blocks, self.windows, strict=True)):
            x = Stage(self.width * 2**i, blocks, windows, 2 if i else 1, name=f"res{i + 2}")(x, train=train)
            features[f"res{i + 2}"] = x
            if i == 0:
                window = (self.pool_frames, 1, 1)
                x = max_pool(x, window, window, ((0, 0), (0, 0), (0, 0)))
        return Endpoints(features, Head(self.num_classes, self.dropout, name="head")([x], train=train))
