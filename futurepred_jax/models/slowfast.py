"""SlowFast: a wide ResNet on few frames and a narrow one on many, joined after each stage (arXiv:1812.03982)."""

from collections import OrderedDict

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from futurepred_jax.arrays import Video
from futurepred_jax.models.resnet3d import (
    ConvNorm,
    Endpoints,
    Head,
    ResNet3D,
    Stage,
    Stem,
    frame_indices,
    kinetics_normalised,
)

BETA_INVERSE = 8  # Slow channels for each Fast channel (§3.2, beta is 1/8)
FUSION_RATIO = 2  # lateral channels for each Fast channel (§3.3)
SLOW_WINDOWS = ((1,), (1,), (3,), (3,))  # Table 1: temporal convolutions from res4 on


class Slow(ResNet3D):
    """The Slow pathway alone (§4.2, "Slow-only"); 32,454,096 parameters with 400 classes."""

    windows: tuple[tuple[int, ...], ...] = SLOW_WINDOWS


class Lateral(nn.Module):
    """Lateral connection from Fast to Slow: a strided convolution over time, BatchNorm, ReLU (§3.3, time-strided)."""

    window: int
    stride: int

    @nn.compact
    def __call__(self, fast: Float[Array, "b t h w c"], *, train: bool) -> Float[Array, "b t2 h w d"]:
        """Returns Fast features at Slow's frame rate, with ``FUSION_RATIO`` times the channels."""
        features = FUSION_RATIO * fast.shape[-1]
        return nn.relu(ConvNorm(features, (self.window, 1, 1), (self.stride, 1, 1), name="fuse")(fast, train=train))


class SlowFast(nn.Module):
    """SlowFast ResNet-50 8x8: 34,566,488 parameters with 400 classes. PySlowFast's 4x16 has alpha 8, fusion_window 5.

    Attributes:
        num_classes: Number of classes of the head; None for no head.
        width: Channels of the Slow stem, a multiple of 8; Fast always has an eighth of Slow's channels.
        blocks: Number of bottlenecks of each stage.
        alpha: Number of Fast frames for each Slow frame.
        fusion_window: Kernel size in time of the lateral connections.
        dropout: Dropout rate before the head, in training.
        dtype: Type of activations; parameters, norms' statistics and the head are float32.
    """

    num_classes: int | None = None
    width: int = 64
    blocks: tuple[int, ...] = (3, 4, 6, 3)
    alpha: int = 4
    fusion_window: int = 7
    dropout: float = 0.5
    dtype: str = "float32"

    @nn.compact
    def __call__(self, video: Video, *, train: bool = False) -> Endpoints:
        """Returns the endpoints slow/stem, fast/stem, slow/res2, fast/res2, … for frames in [-1, 1] at Fast's rate.

        An endpoint has the features of its own pathway, without those of the lateral connection.

        Raises:
            ValueError: If the width is no multiple of 8, or the clip's length no multiple of ``alpha``.
        """
        self._check(video.shape[1])
        fast = kinetics_normalised(video).astype(self.dtype)
        slow = fast[:, frame_indices(fast.shape[1], fast.shape[1] // self.alpha)]
        slow = Stem(self.width, 1, name="slow_stem")(slow, train=train)
        fast = Stem(self.width // BETA_INVERSE, 5, name="fast_stem")(fast, train=train)
        features: OrderedDict[str, Array] = OrderedDict({"slow/stem": slow, "fast/stem": fast})
        lateral = "stem"
        for i, (blocks, windows) in enumerate(zip(self.blocks, SLOW_WINDOWS, strict=True)):
            name, inner, stride = f"res{i + 2}", self.width * 2**i, 2 if i else 1
            joined = Lateral(self.fusion_window, self.alpha, name=f"lateral_{lateral}")(fast, train=train)
            slow = jnp.concatenate([slow, joined], axis=-1)
            slow = Stage(inner, blocks, windows, stride, name=f"slow_{name}")(slow, train=train)
            fast = Stage(inner // BETA_INVERSE, blocks, (3,), stride, name=f"fast_{name}")(fast, train=train)
            features |= {f"slow/{name}": slow, f"fast/{name}": fast}
            lateral = name
        return Endpoints(features, Head(self.num_classes, self.dropout, name="head")([slow, fast], train=train))

    def _check(self, frames: int) -> None:
        if self.width % BETA_INVERSE:
            raise ValueError(f"width {self.width}: Fast has an eighth, so it must be a multiple of {BETA_INVERSE}")
        if frames == 0 or frames % self.alpha:
            raise ValueError(f"clip of {frames} frames: SlowFast needs a multiple of alpha = {self.alpha}; resample it")
