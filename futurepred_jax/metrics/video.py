"""Distances between sets of videos, FVD and the kernel video distance, from the features of a given network."""

from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float

from futurepred_jax.metrics.frechet import Features, frechet_distance, kernel_distance, statistics

SIDE = 224  # px, side of the network's input
MIN_FRAMES = 9  # with which the network's last layer sees two time steps


class VideoDistance(NamedTuple):
    """Fréchet video distance (Unterthiner et al. 2018), and the unbiased kernel distance of the same features."""

    fvd: float
    kvd: float


def network_input(video: Float[Array, "b t h w 3"]) -> Float[Array, "b t 224 224 3"]:
    """Converts videos in [0, 1] to the network's input: resized bilinearly, in [-1, 1].

    Raises:
        ValueError: If the videos have fewer than MIN_FRAMES frames.
    """
    clips, frames = video.shape[:2]
    if frames < MIN_FRAMES:
        raise ValueError(f"clips of {frames} frames: FVD needs {MIN_FRAMES}, context included; evaluate longer ones")
    return 2 * jax.image.resize(video, (clips, frames, SIDE, SIDE, 3), "linear", antialias=False) - 1


def video_distance(features: Features, real: Float[np.ndarray, "m d"]) -> VideoDistance:
    """Computes the distances between two sets of clips from their features.

    FVD strongly depends on the number of clips, so it is reported together with it and with the distance between two
    sets of real clips.
    """
    fvd = frechet_distance(statistics(features), statistics(real))
    return VideoDistance(fvd, kernel_distance(features, real))
