"""I3D ResNet-50: a 2D ResNet inflated in time (arXiv:1705.07750, as arXiv:1711.07971, Table 1, and PySlowFast)."""

from futurepred_jax.models.resnet3d import ResNet3D


class I3D(ResNet3D):
    """I3D, with ``3 × 1 × 1`` in every other bottleneck and time halved after res2.

    It has 28,043,472 parameters with 400 classes.
    """

    stem_frames: int = 5
    windows: tuple[tuple[int, ...], ...] = ((3,), (3, 1), (3, 1), (1, 3))
    pool_frames: int = 2
