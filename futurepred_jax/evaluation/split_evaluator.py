"""Scores a model, its floors and its ceilings on the batches of a split."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from futurepred_jax import floors
from futurepred_jax.arrays import Video
from futurepred_jax.data.pipeline import Clips
from futurepred_jax.data.trajectories import FAMILIES
from futurepred_jax.evaluation.batches import (
    Batch,
    EvaluationProtocol,
    batch_key,
    noisy_context,
    scored_frames,
)
from futurepred_jax.evaluation.interfaces import Predictor, Tokenizer
from futurepred_jax.evaluation.networks import LearnedMetrics, RealClips
from futurepred_jax.evaluation.results import Evaluation
from futurepred_jax.evaluation.tracks import ROLE_NUMBERS
from futurepred_jax.metrics.clip_contents import contents_of
from futurepred_jax.metrics.likelihood import TEMPERATURES, Likelihood
from futurepred_jax.metrics.openstl import openstl_ratios
from futurepred_jax.metrics.samples import sample_ratios, sampled_places
from futurepred_jax.metrics.summary import TRUTH, Tally, summarize
from futurepred_jax.models.sampling import Sampling
from futurepred_jax.pixels import to_signed, to_unit


@dataclasses.dataclass
class SplitEvaluator:
    """Scores predictors batch by batch, and summarizes the scores of the split.

    Attributes:
        clips: The split.
        protocol: Which clips and frames are scored, and how futures are sampled.
        mean_frame: Mean frame of the training split, in [0, 1].
        learned: Scores that need networks.
        tally: What was measured so far.
        flagged: Number of clips in which a target found no place, or nothing could be hidden that had to be.
    """

    clips: Clips
    protocol: EvaluationProtocol
    mean_frame: Float[np.ndarray, "h w c"]
    learned: LearnedMetrics
    tally: Tally = dataclasses.field(default_factory=Tally)
    flagged: int = 0

    def add_video(self, name: str, video: Video | np.ndarray, batch: Batch) -> None:
        """Scores the future frames of a predictor, in [0, 1]."""
        self.tally.add_video(name, video, batch.truth, batch.valid)
        further = self.learned.update(
            name, self._clean_context(batch), jnp.asarray(video), batch.truth.video, batch.valid
        )
        published = {} if self.clips.spec else openstl_ratios(jnp.asarray(video), batch.truth.video)
        self.tally.add_scores(name, further | published, batch.valid)

    def add_predictor(self, name: str, predictor: Predictor, batch: Batch, *, watched: Video | None = None) -> None:
        """Scores a model's prediction, and the likelihood that it assigns to the true future."""
        protocol, context = self.protocol, noisy_context(batch.fields, self.protocol)
        prediction = predictor.predict(
            context,
            num_frames=protocol.future_frames,
            key=batch_key(batch, protocol),
            sampling=protocol.sampling,
            watched=watched,
        )
        self.add_video(name, to_unit(prediction.video), batch)
        near = to_signed(jnp.asarray(scored_frames(batch.fields, protocol)[:, : protocol.near]))
        scored = predictor.score(context, near, watched=watched, temperatures=TEMPERATURES)
        found = Likelihood(*(np.asarray(getattr(scored, field)) for field in Likelihood._fields))
        self.tally.add_likelihood(name, found, batch.valid)

    def add_reconstruction(self, tokenizer: Tokenizer, batch: Batch) -> None:
        """Scores the reconstruction of the true future, and counts the codes in use."""
        border = self.protocol.context_frames
        clean = to_signed(jnp.asarray(batch.fields["video"][:, : border + self.protocol.future_frames]))
        self.add_video("tokenizer_reconstruction", to_unit(tokenizer.reconstruct(clean)[:, border:]), batch)
        self.tally.add_tokens(np.asarray(tokenizer.tokenize(clean)), tokenizer.sizes, batch.valid)

    def add_samples(self, predictor: Predictor, batch: Batch) -> None:
        """Samples several futures of each of the first clips, and scores their distribution."""
        protocol = self.protocol
        valid = min(batch.valid, protocol.sampled_clips - int(batch.indices[0]))
        if not protocol.samples or valid <= 0:
            return
        context, key = noisy_context(batch.fields, protocol), batch_key(batch, protocol)
        keys = [jax.random.fold_in(key, 1 + m) for m in range(protocol.samples)]
        options = {"num_frames": protocol.future_frames, "sampling": Sampling()}
        videos = [to_unit(predictor.predict(context, key=each, **options).video) for each in keys]
        places = sampled_places(jnp.stack(videos, axis=1), batch.truth.targets)
        self.tally.add_scores("model", sample_ratios(places, batch.truth.targets, context.shape[2]), valid)

    def add_floors(self, batch: Batch) -> None:
        """Measures the floors and the true frames (for the tracker's own error), and keeps what the clips contain."""
        context, frames = self.protocol.context_frames, self.protocol.future_frames
        spec, split = self.clips.spec, self.clips.split
        if spec:
            contents = contents_of(batch.fields, batch.truth.targets, roles=ROLE_NUMBERS)
            self.tally.add_contents(contents, tuple(FAMILIES), batch.valid)
            self.flagged += int(batch.fields["flagged"][: batch.valid].sum())
        videos = {
            TRUTH: batch.truth.video,
            **(floors.redraw(spec, split, batch.fields["index"], context=context, frames=frames) if spec else {}),
            **floors.pixel_floors(batch.fields["video"][:, :context], frames, self.mean_frame),
        }
        for name, video in videos.items():
            self.add_video(name, video, batch)

    def evaluation(self) -> Evaluation:
        """Returns the scores of the split over all batches."""
        protocol, frame = self.protocol, self.clips.batch(np.arange(1))["video"][0, 0]
        summary = summarize(self.tally, frames=protocol.near, frame_size=frame.size)
        seen = self.learned.finish(RealClips(self.clips, self.clips.sha256), batch_size=protocol.batch_size)
        for name, found in seen.scores.items():
            summary.split["scores"][name] |= found
        head = {
            "sha256": self.clips.sha256,
            "clips": protocol.clips,
            "context_frames": protocol.context_frames,
            "future_frames": protocol.future_frames,
            "sampling": protocol.sampling.rule,
            "samples": {"count": protocol.samples, "clips": min(protocol.sampled_clips, protocol.clips)},
        }
        if self.clips.spec:
            head["flagged"] = self.flagged
        detail = {"index": list(range(protocol.clips)), **summary.clips}
        return Evaluation(self.clips.split, {**head, **summary.split, **seen.split}, detail)

    def _clean_context(self, batch: Batch) -> Video:
        return to_unit(jnp.asarray(batch.fields["video"][:, : self.protocol.context_frames]))
