"""The clips of a split, batch by batch, with their truth, and the rules by which they are scored."""

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
from futurepred_jax.metrics.truth import Truth, only_video, truth_of
from futurepred_jax.models.sampling import Sampling
from futurepred_jax.pixels import to_signed


@dataclasses.dataclass(frozen=True)
class EvaluationProtocol:
    """Which clips and frames are scored, and how futures are sampled.

    Of the first ``sampled_clips`` clips ``samples`` futures are drawn besides, from the model's own distribution.
    Likelihood is of the ``near_frames`` first frames, by default all: a model's grid and first guess have no more.
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

    @property
    def near(self) -> int:
        """Frames of the future that a model's grid has."""
        return self.future_frames if self.near_frames is None else self.near_frames


@dataclasses.dataclass(frozen=True)
class Batch:
    """Clips of a split, of which the first ``valid`` count, with their truth."""

    number: int
    indices: np.ndarray
    fields: Mapping[str, np.ndarray]
    truth: Truth
    valid: int


def batches(clips: Clips, protocol: EvaluationProtocol, progress: bool) -> Iterator[Batch]:
    """Batches of one shape: the last is filled up with its own clips.

    Raises:
        ValueError: The split has too few clips or frames.
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
