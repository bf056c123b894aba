"""LPIPS and FVD, which need networks with published weights; the networks are passed in as functions."""

import dataclasses
import hashlib
import uuid
import zipfile
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from einops import rearrange
from etils import epath
from jaxtyping import Array, Float

from futurepred_jax.data.pipeline import Source
from futurepred_jax.metrics.plain import jsonable
from futurepred_jax.metrics.ratios import Ratio, ratio
from futurepred_jax.metrics.summary import TRUTH
from futurepred_jax.metrics.video import VideoDistance, video_distance
from futurepred_jax.pixels import to_unit

Unit = Float[Array, "b t h w c"]
"""Videos in [0, 1]."""

Past = Float[Array, "b past h w c"]
"""Context frames in [0, 1]."""

Distance = Callable[[Float[Array, "n h w c"], Float[Array, "n h w c"]], Float[Array, "n"]]
"""Maps pairs of frames in [0, 1] to a perceptual distance for each pair."""


@dataclasses.dataclass(frozen=True)
class RealClips:
    """Noise-free clips, with the sha256 that identifies them."""

    source: Source
    sha256: str


@dataclasses.dataclass(frozen=True)
class VideoNetwork:
    """The network of FVD.

    Attributes:
        features: Maps videos in [0, 1] to feature vectors.
        identity: Identifies the weights.
        others: Further real clips, which serve to measure the distance between two sets of real clips.
        cache: Folder in which the features of real clips are kept.
    """

    features: Callable[[Unit], Float[Array, "b d"]]
    identity: str
    others: RealClips
    cache: epath.Path

    def real_against_real(self, real: Float[np.ndarray, "n d"], frames: int, batch_size: int) -> VideoDistance | None:
        """Returns the distance between real clips and as many other real clips of the same length.

        Args:
            real: Features of the real clips.
            frames: Number of frames of a clip.
            batch_size: Number of clips whose features are computed at once.

        Returns:
            The distance; None if there are too few other clips, or if they are too short.
        """
        clips, count = self.others.source, len(real)
        if len(clips) < count or clips.batch(np.arange(1))["video"].shape[1] < frames:
            return None
        return video_distance(self.real_features(self.others, count, frames, batch_size), real)

    def real_features(self, clips: RealClips, count: int, frames: int, batch_size: int) -> Float[np.ndarray, "n d"]:
        """Returns the features of the first ``frames`` frames of the first ``count`` clips, cached if possible."""
        origin = f"{self.identity} {clips.sha256} {count} {frames}"
        path = self.cache / f"{hashlib.sha256(origin.encode()).hexdigest()[:32]}.npz"
        if (found := _cached(path)) is None:
            rows = (np.arange(i, min(i + batch_size, count)) for i in range(0, count, batch_size))
            videos = (clips.source.batch(batch)["video"][:, :frames] for batch in rows)
            found = np.concatenate([self.features(to_unit(jnp.asarray(video))) for video in videos])
            _cache(path, found)
        return found


@dataclasses.dataclass(frozen=True)
class Networks:
    """The networks to score with: perceptual distances by the name of their score, and the network of FVD."""

    distances: Mapping[str, Distance] = dataclasses.field(default_factory=dict)
    video: VideoNetwork | None = None


NONE = Networks()


class LearnedScores(NamedTuple):
    """The scores of each predictor, and facts about them for the split's summary."""

    scores: Mapping[str, Mapping[str, float]]
    split: Mapping[str, Any]


@dataclasses.dataclass
class LearnedMetrics:
    """Computes the scores of one split that need networks, batch by batch."""

    networks: Networks
    features: dict[str, list[np.ndarray]] = dataclasses.field(default_factory=dict)
    frames: int = 0

    def update(self, name: str, context: Past, video: Unit, truth: Unit, valid: int) -> dict[str, Ratio]:
        """Computes perceptual distances of a batch, and keeps the features of context and future for FVD.

        Args:
            name: Name of the predictor.
            context: Context frames in [0, 1].
            video: Predicted frames in [0, 1].
            truth: True frames in [0, 1].
            valid: Number of clips to score.

        Returns:
            The perceptual distances by the name of the score.
        """
        if name == TRUTH:
            return {}
        if self.networks.video is not None:
            whole = jnp.concatenate([context, video], axis=1)
            self.frames = whole.shape[1]
            self.features.setdefault(name, []).append(np.asarray(self.networks.video.features(whole))[:valid])
        return {key: ratio(_by_frame(compare, video, truth)) for key, compare in self.networks.distances.items()}

    def finish(self, clips: RealClips, *, batch_size: int) -> LearnedScores:
        """Computes FVD and KVD of every predictor, and of other real clips, from the features kept so far.

        Args:
            clips: The split's real clips, which the predictions are compared with.
            batch_size: Number of clips whose features are computed at once.
        """
        network = self.networks.video
        if network is None:
            return LearnedScores({}, {})
        features = {name: np.concatenate(parts) for name, parts in self.features.items()}
        count = len(next(iter(features.values())))
        real = network.real_features(clips, count, self.frames, batch_size)
        floor = network.real_against_real(real, self.frames, batch_size)
        scores = {name: jsonable(video_distance(found, real)) for name, found in features.items()}
        split = {"clips": count, "frames": self.frames, "real_against_real": floor and jsonable(floor)}
        return LearnedScores(scores, {"video_distance": split})


def _by_frame(compare: Distance, video: Unit, truth: Unit) -> Float[Array, "b t"]:
    pairs = (rearrange(each, "b t h w c -> (b t) h w c") for each in (video, truth))
    return rearrange(compare(*pairs), "(b t) -> b t", b=len(video))


def _cached(path: epath.Path) -> np.ndarray | None:
    """Returns the features kept at a path; None if there is no file, or an incomplete one."""
    if not path.exists():
        return None
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return arrays["features"]
    except (zipfile.BadZipFile, EOFError, KeyError, ValueError):
        return None


def _cache(path: epath.Path, features: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")  # others may write the same just now
    with part.open("wb") as file:
        np.savez(file, features=features)
    part.replace(path)
