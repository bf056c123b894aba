"""Motion pathways: video networks whose features of the context frames the Transformer attends to."""

from collections.abc import Collection

import jax.numpy as jnp
import numpy as np
from einops import rearrange
from flax import linen as nn
from jaxtyping import Array, Float, Float32

from futurepred_jax.arrays import Video
from futurepred_jax.models.blocks import dense
from futurepred_jax.models.crossing import Memory
from futurepred_jax.models.resnet3d import resample


class Pathway(nn.Module):
    """A video network whose features at some endpoints, normalised and projected, become a memory.

    Attributes:
        network: Network from video in [-1, 1] to ``Endpoints``, such as I3D or SlowFast, without a head.
        endpoints: Names of the endpoints whose features are used.
        width: Channels of the memory.
        stride: The tokenizer's stride in (t, h, w), the unit of places.
        frames: Number of frames that clips are resampled to.
        side: Height and width in pixels that clips are resampled to.
    """

    network: nn.Module
    endpoints: tuple[str, ...]
    width: int
    stride: tuple[int, int, int]
    frames: int
    side: int

    @nn.compact
    def __call__(self, video: Video, *, train: bool = False) -> Memory:
        """Returns the memory of context frames in [-1, 1].

        Raises:
            ValueError: If the network lacks an endpoint; the message lists its endpoints.
        """
        seen = self.network(resample(video, self.frames, self.side), train=train).features  # pyright: ignore
        require_endpoints(self.endpoints, seen)
        features = [self._project(name, seen[name]) for name in self.endpoints]
        places = [cells(seen[name].shape, video.shape, self.stride) for name in self.endpoints]
        return Memory(jnp.concatenate(features, axis=1), jnp.asarray(np.concatenate(places)))

    def _project(self, name: str, features: Float[Array, "b t h w c"]) -> Float[Array, "b m d"]:
        name = name.replace("/", "_")
        normal = nn.RMSNorm(dtype=features.dtype, name=f"norm_{name}")(features)
        return rearrange(
            dense(self.width, 1.0, features.dtype, name=f"project_{name}")(normal), "b t h w d -> b (t h w) d"
        )


class Pathways(nn.Module):
    """One pathway or two, with their features in one memory.

    Attributes:
        i3d: The pathway with an I3D, or None.
        slowfast: The pathway with a SlowFast network, or None.
    """

    i3d: Pathway | None = None
    slowfast: Pathway | None = None

    @property
    def parts(self) -> dict[str, Pathway]:
        """The pathways that are present, by name."""
        both = {"i3d": self.i3d, "slowfast": self.slowfast}
        return {name: part for name, part in both.items() if part is not None}

    def __call__(self, video: Video, *, train: bool = False) -> Memory:
        """Returns the memory of context frames in [-1, 1].

        Raises:
            ValueError: If a network lacks an endpoint; the message lists its endpoints.
        """
        seen = [part(video, train=train) for part in self.parts.values()]
        return Memory(
            jnp.concatenate([memory.features for memory in seen], axis=1),
            jnp.concatenate([memory.position for memory in seen]),
        )


def require_endpoints(wanted: Collection[str], found: Collection[str]) -> None:
    """Checks that all wanted endpoints exist.

    Raises:
        ValueError: If one is missing; the message lists the endpoints that exist.
    """
    if missing := sorted(set(wanted) - set(found)):
        raise ValueError(f"no endpoints {', '.join(missing)}: the network has {', '.join(found)}")


def cells(
    features: tuple[int, ...], video: tuple[int, ...], stride: tuple[int, int, int]
) -> Float32[np.ndarray, "m 3"]:
    """Returns the places (t, h, w) of features on the grid of tokens.

    The features divide the video into equal cells, and their places are the centres of these cells. Latent frame k is
    made of the frames up to frame k · stride and has its place there in time; in space a token has its place at its
    centre.

    Args:
        features: Shape [b t h w c] of the features.
        video: Shape [b t h w c] of the video that they cover.
        stride: Frames and pixels (t, h, w) of a token.
    """
    frame, row, column = (
        (np.arange(n) + 0.5) * size / n - 0.5 for n, size in zip(features[1:4], video[1:4], strict=True)
    )
    time = frame / stride[0]
    height, width = ((pixel + 0.5) / s - 0.5 for pixel, s in zip((row, column), stride[1:], strict=True))
    places = np.stack(np.meshgrid(time, height, width, indexing="ij"), axis=-1)
    return rearrange(places, "t h w three -> (t h w) three").astype(np.float32)
