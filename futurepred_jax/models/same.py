"""3D convolution that sees as far ahead as back: for networks that never make tokens of a context."""

from flax import linen as nn
from jaxtyping import Array, Float

from futurepred_jax.models.layers import conv3d, fan_in, same

Window = tuple[int, int, int]


class SameConv(nn.Module):
    """3D convolution with zeros around the clip, so that its length and size stay."""

    features: int
    kernel: Window = (3, 3, 3)
    use_bias: bool = True

    @nn.compact
    def __call__(self, video: Float[Array, "b t h w c"]) -> Float[Array, "b t h w d"]:
        """Convolves as ``conv3d``, in the dtype of its input."""
        kernel = self.param("kernel", fan_in, (*self.kernel, video.shape[-1], self.features))
        frames, height, width = (
            same(size, window, 1) for size, window in zip(video.shape[1:4], self.kernel, strict=True)
        )
        out = conv3d(video, kernel.astype(video.dtype), (1, 1, 1), (frames, height, width))
        if self.use_bias:
            out = out + self.param("bias", nn.initializers.zeros, (self.features,)).astype(out.dtype)
        return out
