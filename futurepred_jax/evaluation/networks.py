"""Scores that need a network with published weights, LPIPS and FVD; the networks come as functions."""

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
"""Pairs of frames in [0, 1] to how different each pair looks."""


@dataclasses.dataclass(frozen=True)
class RealClips:
    """Noise-free clips, with the sha256 of all of them."""

    source: Source
    sha256: str


@dataclasses.dataclass(frozen=True)
class VideoNetwork:
    """What FVD needs.

    Attributes:
        features: Videos in [0, 1] to feature vectors.
        identity: Of its weights.
        others: Further real clips, for the distance that real clips have from real clips, where they are enough.
        cache: Folder where real clips' features are kept.
    """

    features: Callable[[Unit], Float[Array, "b d"]]
    identity: str
    others: RealClips
    cache: epath.Path

    def real_against_real(self, real: Float[np.ndarray, "n d"], frames: int, batch_size: int) -> VideoDistance | None:
        """The distance of as many other real clips as long; none where there are not so many, or they are shorter."""
        clips, count = self.others.source, len(real)
        if len(clips) < count or clips.batch(np.arange(1))["video"].shape[1] < frames:
            return None
        return video_distance(self.real_features(self.others, count, frames, batch_size), real)

    def real_features(self, clips: RealClips, count: int, frames: int, batch_size: int) -> Float[np.ndarray, "n d"]:
        """Features of the first frames of the first clips, from the cache where they were computed before."""
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
    """All networks there are, distances by the name of the score that each gives; none by default."""

    distances: Mapping[str, Distance] = dataclasses.field(default_factory=dict)
    video: VideoNetwork | None = None


NONE = Networks()


class LearnedScores(NamedTuple):
    """Scores of each player, and what a split's summary says beside them."""

    scores: Mapping[str, Mapping[str, float]]
    split: Mapping[str, Any]


@dataclasses.dataclass
class LearnedMetrics:
    """Shows the players of one split to the networks."""

    networks: Networks
    features: dict[str, list[np.ndarray]] = dataclasses.field(default_factory=dict)
    frames: int = 0

    def update(self, name: str, context: Past, video: Unit, truth: Unit, valid: int) -> dict[str, Ratio]:
        """Compares a player's frames with the true ones, and remembers the features of context + future."""
        if name == TRUTH:
            return {}
        if self.networks.video is not None:
            whole = jnp.concatenate([context, video], axis=1)
            self.frames = whole.shape[1]
            self.features.setdefault(name, []).append(np.asarray(self.networks.video.features(whole))[:valid])
        return {key: ratio(_by_frame(compare, video, truth)) for key, compare in self.networks.distances.items()}

    def finish(self, clips: RealClips, *, batch_size: int) -> LearnedScores:
        """FVD and KVD of every player and of as many other real clips, against the split's own."""
        network = self.networks.video
        if network is None:
            return LearnedScores({}, {})
        players = {name: np.concatenate(parts) for name, parts in self.features.items()}
        count = len(next(iter(players.values())))
        real = network.real_features(clips, count, self.frames, batch_size)
        floor = network.real_against_real(real, self.frames, batch_size)
        scores = {name: jsonable(video_distance(found, real)) for name, found in players.items()}
        split = {"clips": count, "frames": self.frames, "real_against_real": floor and jsonable(floor)}
        return LearnedScores(scores, {"video_distance": split})


def _by_frame(compare: Distance, video: Unit, truth: Unit) -> Float[Array, "b t"]:
    pairs = (rearrange(each, "b t h w c -> (b t) h w c") for each in (video, truth))
    return rearrange(compare(*pairs), "(b t) -> b t", b=len(video))


def _cached(path: epath.Path) -> np.ndarray | None:
    """Features kept at a path; none where there is no file, or one that was cut off."""
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
