"""A 3D convolution that is not causal, for networks whose tokens no predictor reads."""

from flax import linen as nn
from jaxtyping import Array, Float

from futurepred_jax.models.layers import Size3, conv3d, fan_in, same_padding


class SameConv(nn.Module):
    """3D convolution with 'SAME' zero padding on all axes: the clip keeps its length and size."""

    features: int
    kernel_size: Size3 = (3, 3, 3)
    use_bias: bool = True

    @nn.compact
    def __call__(self, video: Float[Array, "b t h w c"]) -> Float[Array, "b t h w d"]:
        """Convolves as ``conv3d``, in the dtype of its input."""
        kernel = self.param("kernel", fan_in, (*self.kernel_size, video.shape[-1], self.features))
        frames, height, width = (
            same_padding(size, window, 1) for size, window in zip(video.shape[1:4], self.kernel_size, strict=True)
        )
        out = conv3d(video, kernel.astype(video.dtype), (1, 1, 1), (frames, height, width))
        if self.use_bias:
            out = out + self.param("bias", nn.initializers.zeros, (self.features,)).astype(out.dtype)
        return out
