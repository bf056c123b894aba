"""What the published motion networks share: their input, their named endpoints, and 3D ResNets with bottlenecks."""

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

KINETICS_MEAN, KINETICS_STD = 0.45, 0.225  # of frames in [0, 1], all channels
EXPANSION = 4  # a bottleneck's output channels per inner channel

msra = nn.initializers.variance_scaling(2.0, "fan_out", "normal")
"""He et al.'s initialisation with the fan-out over all taps (Caffe2's MSRAFill)."""


@struct.dataclass
class Endpoints:
    """What a motion network knows of a clip, stage by stage.

    Attributes:
        features: by the endpoint's published name, from the stem to the last; an ``OrderedDict``, for jit sorts others.
        logits: unnormalised log-probabilities of the classes, None of a network without a head.
    """

    features: dict[str, Float[Any, "b t h w c"]]  # Any: under eval_shape, shapes stand for arrays
    logits: Float[Any, "b k"] | None


def resample(video: Video, frames: int, side: int) -> Float[Array, "b t2 side side c"]:
    """Brings a clip of any length and size to ``frames`` of ``side × side`` pixels.

    Takes the frames ``frame_indices(T, frames)``, the first and the last among them, some twice where there are too
    few. Height and width are interpolated bilinearly, each on its own axis, with pixel centres at half-integers and no
    antialiasing, as the published networks' preprocessing does; a clip that is not square is squeezed.
    """
    b, t, _, _, c = video.shape
    video = video[:, frame_indices(t, frames)]
    if video.shape[2:4] == (side, side):
        return video
    return jax.image.resize(video, (b, frames, side, side, c), "bilinear", antialias=False)


def frame_indices(frames: int, count: int) -> np.ndarray:
    """``count`` of ``frames`` indices, evenly spaced over the whole clip and rounded down.

    As ``torch.linspace(0, frames - 1, count).long()``, by which SlowFast picks the frames of its Slow pathway, but
    exact: in clips of 160 frames and more, torch's rounding may take the frame before.
    """
    return np.arange(count) * (frames - 1) // max(1, count - 1)


def kinetics_normalised(video: Video) -> Video:
    """Frames in [-1, 1] to zero mean and unit variance over Kinetics."""
    return ((video + 1) / 2 - KINETICS_MEAN) / KINETICS_STD


def centred(window: Size3) -> Pads:
    """As many zeros before as after, as in torch; for even strides and sizes 'SAME' would be one off."""
    t, h, w = (size // 2 for size in window)
    return (t, t), (h, h), (w, w)


class Conv(nn.Module):
    """3D convolution with a padding that is stated, and no bias."""

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
    """Convolution, centred, and BatchNorm."""

    features: int
    kernel_size: Size3
    strides: Size3 = (1, 1, 1)
    scale_init: Initializer = nn.initializers.ones

    @nn.compact
    def __call__(self, video: Float[Array, "b t h w c"], *, train: bool) -> Float[Array, "b t2 h2 w2 d"]:
        """With the batch's statistics in training, else with the running ones."""
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
    """Convolution ``frames × 7 × 7`` and a spatial maximum, each of stride 2 in space."""

    features: int
    frames: int

    @nn.compact
    def __call__(self, video: Float[Array, "b t h w c"], *, train: bool) -> Float[Array, "b t h2 w2 d"]:
        """A quarter of the height and of the width."""
        out = nn.relu(ConvNorm(self.features, (self.frames, 7, 7), (1, 2, 2))(video, train=train))
        return max_pool(out, (1, 3, 3), (1, 2, 2), centred((1, 3, 3)))


class Bottleneck(nn.Module):
    """Residual block: ``frames × 1 × 1``, ``1 × 3 × 3`` with the stride, ``1 × 1 × 1``; starts as its shortcut.

    Source: ResNet-50 with the stride on the 3 × 3 convolution (PySlowFast ``STRIDE_1X1: False``), inflated as I3D's.
    """

    inner: int
    frames: int
    stride: int

    @nn.compact
    def __call__(self, video: Float[Array, "b t h w c"], *, train: bool) -> Float[Array, "b t h2 w2 d"]:
        """Adds the residual; the shortcut is projected in the first block of a stage, where its shape changes."""
        outer, strides = EXPANSION * self.inner, (1, self.stride, self.stride)
        out = nn.relu(ConvNorm(self.inner, (self.frames, 1, 1), name="a")(video, train=train))
        out = nn.relu(ConvNorm(self.inner, (1, 3, 3), strides, name="b")(out, train=train))
        out = ConvNorm(outer, (1, 1, 1), scale_init=nn.initializers.zeros, name="c")(out, train=train)
        if self.stride > 1 or video.shape[-1] != outer:
            video = ConvNorm(outer, (1, 1, 1), strides, name="shortcut")(video, train=train)
        return nn.relu(video + out)


class Stage(nn.Module):
    """Bottlenecks one after another; the first has the stride, and their temporal windows repeat ``windows``."""

    inner: int
    blocks: int
    windows: tuple[int, ...]
    stride: int

    @nn.compact
    def __call__(self, video: Float[Array, "b t h w c"], *, train: bool) -> Float[Array, "b t h2 w2 d"]:
        """From the stage before to this stage's endpoint."""
        for i in range(self.blocks):
            frames, stride = self.windows[i % len(self.windows)], 1 if i else self.stride
            video = Bottleneck(self.inner, frames, stride, name=f"block{i}")(video, train=train)
        return video


class Head(nn.Module):
    """Mean over all places of each pathway, dropout, and one linear map to the classes; without classes, nothing."""

    num_classes: int | None
    dropout: float

    @nn.compact
    def __call__(self, pathways: Sequence[Float[Array, "b _ _ _ _"]], *, train: bool) -> Float[Array, "b k"] | None:
        """Logits, if there are classes."""
        if self.num_classes is None:
            return None
        pooled = jnp.concatenate([features.mean((1, 2, 3), dtype=jnp.float32) for features in pathways], axis=-1)
        pooled = nn.Dropout(self.dropout, deterministic=not train)(pooled)
        init = nn.initializers.normal(0.01)
        return nn.Dense(self.num_classes, kernel_init=init, dtype=pooled.dtype, name="classes")(pooled)


class ResNet3D(nn.Module):
    """A ResNet over one clip; ``I3D`` and ``Slow`` are its published instances.

    Attributes:
        num_classes: of the head; None for no head.
        width: channels of the stem; stage ``i`` has ``4 · width · 2^i``.
        blocks: bottlenecks of each stage; (3, 4, 6, 3) is a ResNet-50.
        stem_frames: temporal window of the stem.
        windows: of each stage, the temporal windows of its bottlenecks, repeated.
        pool_frames: frames of which the maximum is taken after the first stage.
        dropout: rate before the head, in training.
        dtype: of activations; parameters, norms' statistics and the head are float32.
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
        """Frames in [-1, 1] to the endpoints stem, res2, res3, ….

        Raises:
            ValueError: for a clip with fewer frames than ``pool_frames``.
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
