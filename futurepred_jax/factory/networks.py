"""Config to the networks with published weights that some scores need."""

import functools
from collections.abc import Callable
from typing import Literal

import jax
from etils import epath
from jaxtyping import Array, Float
from ml_collections import ConfigDict

from futurepred_jax.evaluation.networks import Distance, Networks, RealClips, VideoNetwork
from futurepred_jax.factory.data import open_split
from futurepred_jax.metrics.video import network_input
from futurepred_jax.models.inception import InceptionI3D
from futurepred_jax.models.perceptual import Perceptual
from futurepred_jax.weights import kinetics
from futurepred_jax.weights.packaged import cache_folder
from futurepred_jax.weights.perceptual import perceptual_variables

AT_ONCE = 4  # videos whose features are computed together: each takes some 100 MB

FVD = "fvd"


def network_names(config: ConfigDict) -> tuple[str, ...]:
    """Names in ``config.evaluation.networks``.

    Raises:
        ValueError: One is unknown.
    """
    asked = tuple(name.strip() for name in config.evaluation.networks.split(",") if name.strip())
    known = (*DISTANCES, FVD)
    if unknown := ", ".join(sorted(set(asked) - set(known))):
        raise ValueError(f"config.evaluation.networks: unknown {unknown}; known are {', '.join(known)}")
    return asked


def networks(config: ConfigDict) -> Networks:
    """The networks that a config asks for.

    Raises:
        ValueError: One is unknown, or its weights are not installed.
    """
    names = network_names(config)
    distances = {name: make() for name, make in DISTANCES.items() if name in names}
    return Networks(distances, _video_network(config) if FVD in names else None)


def _lpips(network: Literal["alex", "vgg"]) -> Distance:
    variables, module = perceptual_variables(network), Perceptual(network)
    return jax.jit(lambda first, second: module.apply(variables, 2 * first - 1, 2 * second - 1))


def _video_network(config: ConfigDict) -> VideoNetwork:
    """Its other real clips are those of training."""
    variables, module = kinetics.kinetics_variables(), InceptionI3D(400)

    def one(video: Float[Array, "t h w c"]) -> Float[Array, "d"]:
        return module.apply(variables, network_input(video[None])).logits[0]  # pyright: ignore

    features = jax.jit(lambda videos: jax.lax.map(one, videos, batch_size=AT_ONCE))
    clips = open_split(config, "train", first=config.evaluation.clips)
    others = RealClips(clips, clips.sha256)
    return VideoNetwork(features, kinetics.FILE.sha256, others, epath.Path(cache_folder()) / "features")


DISTANCES: dict[str, Callable[[], Distance]] = {
    "lpips_alex": functools.partial(_lpips, "alex"),
    "lpips_vgg": functools.partial(_lpips, "vgg"),
}
"""Distances between frames, by the name of the score."""
