"""Motion pathways: video networks that watch the context, and what the Transformer remembers of it."""

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
    """Frames to a memory: features of some endpoints, each normalised and projected, with their places.

    Attributes:
        network: Video in [-1, 1] to ``Endpoints``, such as I3D or SlowFast, without a classification head.
        endpoints: Names of the features that are remembered; space and time are kept.
        width: Channels of the memory.
        stride: Of the tokenizer in (t, h, w): the units of places.
        frames: Length that clips are brought to for the network.
        side: Height and width that they are brought to.
    """

    network: nn.Module
    endpoints: tuple[str, ...]
    width: int
    stride: tuple[int, int, int]
    frames: int
    side: int

    @nn.compact
    def __call__(self, video: Video, *, train: bool = False) -> Memory:
        """Watches frames in [-1, 1], the last of which is the last of the context.

        Raises:
            ValueError: if the network has no such endpoint, with those that it has.
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
    """One pathway, or two side by side, with all that they saw as one memory.

    Attributes:
        i3d: A pathway, or none.
        slowfast: Likewise.
    """

    i3d: Pathway | None = None
    slowfast: Pathway | None = None

    @property
    def parts(self) -> dict[str, Pathway]:
        """Those that there are, by their names."""
        both = {"i3d": self.i3d, "slowfast": self.slowfast}
        return {name: part for name, part in both.items() if part is not None}

    def __call__(self, video: Video, *, train: bool = False) -> Memory:
        """Watches frames in [-1, 1], the last of which is the last of the context. Raises as ``Pathway``."""
        seen = [part(video, train=train) for part in self.parts.values()]
        return Memory(
            jnp.concatenate([memory.features for memory in seen], axis=1),
            jnp.concatenate([memory.position for memory in seen]),
        )


def require_endpoints(wanted: Collection[str], found: Collection[str]) -> None:
    """Raises a ValueError that lists the endpoints unless all that are wanted are found."""
    if missing := sorted(set(wanted) - set(found)):
        raise ValueError(f"no endpoints {', '.join(missing)}: the network has {', '.join(found)}")


def cells(
    features: tuple[int, ...], video: tuple[int, ...], stride: tuple[int, int, int]
) -> Float32[np.ndarray, "m 3"]:
    """Places (t, h, w), on the grid of the tokens, of the centres of features' cells that divide a video evenly.

    Latent frame k is made of the frames up to frame k · stride, where it has its place in time; a patch has its own at
    its middle.

    Args:
        features: Their shape, [b t h w c].
        video: The shape [b t h w c] of the frames that they cover, from the first on.
        stride: Frames and pixels a token.
    """
    frame, row, column = (
        (np.arange(n) + 0.5) * size / n - 0.5 for n, size in zip(features[1:4], video[1:4], strict=True)
    )
    time = frame / stride[0]
    height, width = ((pixel + 0.5) / s - 0.5 for pixel, s in zip((row, column), stride[1:], strict=True))
    places = np.stack(np.meshgrid(time, height, width, indexing="ij"), axis=-1)
    return rearrange(places, "t h w three -> (t h w) three").astype(np.float32)
