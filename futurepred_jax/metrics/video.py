"""Distances between sets of videos, FVD and its kernel sibling, from the features of a network that is given."""

from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float

from futurepred_jax.metrics.frechet import Features, frechet_distance, kernel_distance, statistics

SIDE = 224  # pixels, of the network's pictures
MIN_FRAMES = 9  # so that the network's last layer sees two


class VideoDistance(NamedTuple):
    """Fréchet video distance (Unterthiner et al. 2018), and the unbiased kernel distance of the same features."""

    fvd: float
    kvd: float


def network_input(video: Float[Array, "b t h w 3"]) -> Float[Array, "b t 224 224 3"]:
    """Videos in [0, 1] as the network saw them in training: stretched bilinearly, in [-1, 1].

    Raises:
        ValueError: They are too short.
    """
    clips, frames = video.shape[:2]
    if frames < MIN_FRAMES:
        raise ValueError(f"clips of {frames} frames: FVD needs {MIN_FRAMES}, context included; evaluate longer ones")
    return 2 * jax.image.resize(video, (clips, frames, SIDE, SIDE, 3), "linear", antialias=False) - 1


def video_distance(features: Features, real: Float[np.ndarray, "m d"]) -> VideoDistance:
    """Distances of two sets of clips, by their features.

    Both depend on the number of clips, the first strongly: it is told with them, and with the distance of real clips.
    """
    fvd = frechet_distance(statistics(features), statistics(real))
    return VideoDistance(fvd, kernel_distance(features, real))
