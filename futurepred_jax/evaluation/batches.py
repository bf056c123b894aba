"""The rules of an evaluation, and the clips of a split with their ground truth in batches."""

import dataclasses
from collections.abc import Iterator, Mapping

import jax
import jax.numpy as jnp
import numpy as np
from tqdm import tqdm

from futurepred_jax import floors
from futurepred_jax.arrays import Key, Video
from futurepred_jax.data.looks import HUES
from futurepred_jax.data.pipeline import Clips
from futurepred_jax.evaluation.tracks import ROLE_NUMBERS
from futurepred_jax.metrics.samples import FEWEST
from futurepred_jax.metrics.truth import Truth, only_video, truth_of
from futurepred_jax.models.sampling import Sampling
from futurepred_jax.pixels import to_signed


@dataclasses.dataclass(frozen=True)
class EvaluationProtocol:
    """Which clips and frames are scored, and how futures are sampled.

    Attributes:
        sampling: How the one future of every clip is sampled.
        clips: Number of clips, the first ones of the split.
        context_frames: Number of frames that the model sees.
        future_frames: Number of frames that are predicted and scored.
        batch_size: Number of clips that are predicted at once.
        seed: Seed of the sampling.
        samples: Number of further futures per clip, sampled at temperature 1 for the sample scores, at least
            ``metrics.samples.FEWEST``; 0 for none.
        sampled_clips: Number of clips for which these are sampled, the first ones of the split.
        near_frames: Number of future frames whose likelihood is scored, by default all. A model that was trained on
            shorter futures only has a likelihood, and a first guess, for as many as in training.
    """

    sampling: Sampling
    clips: int = 256
    context_frames: int = 9
    future_frames: int = 8
    batch_size: int = 32
    seed: int = 0
    samples: int = 0
    sampled_clips: int = 0
    near_frames: int | None = None

    def __post_init__(self) -> None:
        for name, least in {"clips": 1, "batch_size": 1, "samples": 0, "sampled_clips": 0}.items():
            if getattr(self, name) < least:
                raise ValueError(f"config.evaluation.{name} {getattr(self, name)}: must be at least {least}")
        if 0 < self.samples < FEWEST:
            raise ValueError(f"config.evaluation.samples {self.samples}: must be at least {FEWEST}, or 0 for none")

    @property
    def near(self) -> int:
        """Number of future frames whose likelihood is scored."""
        return self.future_frames if self.near_frames is None else self.near_frames


@dataclasses.dataclass(frozen=True)
class Batch:
    """A batch of clips with their truth.

    Attributes:
        number: Number of the batch, from 0.
        indices: Indices of the clips in the split.
        fields: Fields of the clips, with a leading batch axis.
        truth: Ground truth over the scored frames.
        valid: Number of clips to score. The clips after these only fill the batch and are repeated.
    """

    number: int
    indices: np.ndarray
    fields: Mapping[str, np.ndarray]
    truth: Truth
    valid: int


def batches(clips: Clips, protocol: EvaluationProtocol, progress: bool) -> Iterator[Batch]:
    """Yields batches of equal shape; the last one is filled up by repeating its clips.

    Args:
        clips: The split.
        protocol: Which clips and frames are scored.
        progress: Whether to show a progress bar.

    Raises:
        ValueError: If the batch size is below 1, or the split has too few clips or frames.
    """
    if protocol.batch_size < 1:
        raise ValueError(f"config.evaluation.batch_size {protocol.batch_size}: it must be at least 1")
    if not 1 <= protocol.clips <= len(clips):
        raise ValueError(f"{protocol.clips} clips of {clips.split}: it has {len(clips)}; store more or ask for fewer")
    needed, size = protocol.context_frames + protocol.future_frames, min(protocol.batch_size, protocol.clips)
    with tqdm(total=protocol.clips, desc=f"evaluate {clips.split}", unit="clip", disable=not progress) as bar:
        for number, start in enumerate(range(0, protocol.clips, size)):
            indices = np.arange(start, min(start + size, protocol.clips))
            filled = np.resize(indices, size)
            fields = clips.batch(filled)
            if fields["video"].shape[1] < needed:
                frames = fields["video"].shape[1]
                raise ValueError(f"clips of {frames} frames: context and future need {needed}; store longer ones")
            yield Batch(number, filled, fields, _truth(fields, clips, protocol), len(indices))
            bar.update(len(indices))


def _truth(fields: Mapping[str, np.ndarray], clips: Clips, protocol: EvaluationProtocol) -> Truth:
    if clips.spec is None:
        return only_video(scored_frames(fields, protocol))
    context, frames = protocol.context_frames, protocol.future_frames
    return truth_of(
        fields,
        floors.redraw_clutter(clips.spec, clips.split, fields["index"], context=context, frames=frames),
        context=context,
        slots=clips.spec.most_targets,
        roles=ROLE_NUMBERS,
        hues=HUES,
    )


def noisy_context(fields: Mapping[str, np.ndarray], protocol: EvaluationProtocol) -> Video:
    """Returns the context frames with noise, in [-1, 1]: a model's input."""
    return to_signed(jnp.asarray(fields["noisy"][:, : protocol.context_frames]))


def scored_frames(fields: Mapping[str, np.ndarray], protocol: EvaluationProtocol) -> np.ndarray:
    """Returns the noise-free future frames, in [0, 255]: what predictions are scored against."""
    return fields["video"][:, protocol.context_frames :][:, : protocol.future_frames]


def batch_key(batch: Batch, protocol: EvaluationProtocol) -> Key:
    """Returns the random key from which the futures of this batch are sampled."""
    return jax.random.fold_in(jax.random.key(protocol.seed), batch.number)
