"""Scores of a predictor, or of a tokenizer alone, over a split: beside its floors and its ceilings, always."""

import dataclasses
import functools
import typing
from collections.abc import Callable, Iterator, Mapping

import jax
import jax.numpy as jnp
import numpy as np
from etils import epath
from jaxtyping import Float
from ml_collections import ConfigDict
from tqdm import tqdm

from futurepred_jax import factory, floors
from futurepred_jax.arrays import Key, Video
from futurepred_jax.data.looks import HUES
from futurepred_jax.data.pipeline import Clips
from futurepred_jax.data.trajectories import FAMILIES
from futurepred_jax.evaluation import given
from futurepred_jax.evaluation.classifiers import evaluate_classifier
from futurepred_jax.evaluation.contestants import Predictor, Tokenizer
from futurepred_jax.evaluation.networks import NONE, Networks, RealClips, Viewer
from futurepred_jax.evaluation.results import Evaluation, read, read_effects, read_part, read_parts, write, write_part
from futurepred_jax.evaluation.tracks import ROLE_NUMBERS
from futurepred_jax.metrics.casts import cast_of
from futurepred_jax.metrics.labels import label_table
from futurepred_jax.metrics.likelihood import Likelihood
from futurepred_jax.metrics.samples import sample_ratios, sampled_places
from futurepred_jax.metrics.summary import TRUTH, Tally, jsonable, summarize
from futurepred_jax.metrics.table import effect_table, score_table
from futurepred_jax.metrics.truth import FIELDS, Truth, only_video, truth_of
from futurepred_jax.models.decoding import Sampling
from futurepred_jax.training import checkpoints

PROBE = "probe_"  # begins the name of a split whose clips 2 n and 2 n + 1 are a possible and an impossible one
SHUFFLED = "shuffled_pathway"  # the model, its motion pathway watching another clip
GUESS = "first_guess"  # what the model reads of the future before it settles on one
CLIP_FIELDS = (*FIELDS, "family", "noise", "index")  # what a split must be stored with


@dataclasses.dataclass(frozen=True)
class Protocol:
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


def evaluate_predictor(
    predictor: Predictor,
    clips: Clips,
    protocol: Protocol,
    mean_frame: Float[np.ndarray, "h w c"],
    *,
    networks: Networks = NONE,
    progress: bool = True,
) -> Evaluation:
    """Scores the predicted futures of a split's first clips, from their noisy context, against the noise-free truth.

    A model with a motion pathway is scored a second time with the pathway watching the next clip of the split: what it
    loses by that is what it has from the pathway.

    Args:
        predictor: The model.
        clips: The split, stored with at least CLIP_FIELDS, or recorded.
        protocol: What is scored.
        mean_frame: Of the training split, in [0, 1]; see ``floors.mean_frame``.
        networks: For scores that need one.
        progress: Shows a bar.

    Raises:
        ValueError: The split has too few clips or frames, or a picture leaves its range.
    """
    referee = _Referee(clips, protocol, mean_frame, Viewer(networks))
    for batch in _batches(clips, protocol, progress):
        referee.add_predictor("model", predictor, batch)
        if predictor.gates:
            next_clips = clips.batch((batch.indices + 1) % protocol.clips)
            referee.add_predictor(SHUFFLED, predictor, batch, watched=_noisy_context(next_clips, protocol))
        if clips.split.startswith(PROBE):
            referee.tally.add_pairs(batch.fields["possible"], batch.indices // 2, batch.valid)
        guess = predictor.first_guess(_context(batch, protocol), num_frames=protocol.near)
        if guess is not None and protocol.near == protocol.future_frames:
            referee.add_video(GUESS, _unit(guess), batch)
        _add_samples(referee.tally, predictor, batch, protocol)
        referee.add_reconstruction(predictor, batch)
        referee.add_floors(batch)
    evaluation = referee.evaluation()
    if predictor.gates:
        evaluation.summary["gates"] = jsonable(predictor.gates)
    return evaluation


def evaluate_tokenizer(
    tokenizer: Tokenizer,
    clips: Clips,
    protocol: Protocol,
    mean_frame: Float[np.ndarray, "h w c"],
    *,
    networks: Networks = NONE,
    progress: bool = True,
) -> Evaluation:
    """Scores a tokenizer's reconstructions as ``evaluate_predictor`` does, with no model beside them."""
    referee = _Referee(clips, protocol, mean_frame, Viewer(networks))
    for batch in _batches(clips, protocol, progress):
        referee.add_reconstruction(tokenizer, batch)
        referee.add_floors(batch)
    return referee.evaluation()


def evaluate_video(
    video: Float[np.ndarray, "n t h w c"],
    clips: Clips,
    protocol: Protocol,
    mean_frame: Float[np.ndarray, "h w c"],
    *,
    networks: Networks = NONE,
    progress: bool = True,
) -> Evaluation:
    """Scores futures in [0, 1] that were predicted elsewhere, of a split's first clips, as those of a model."""
    referee = _Referee(clips, protocol, mean_frame, Viewer(networks))
    for batch in _batches(clips, protocol, progress):
        referee.add_video("model", video[batch.indices], batch)
        referee.add_floors(batch)
    return referee.evaluation()


def table(evaluation: Evaluation) -> str:
    """All scores of a split as text: those of futures and reconstructions beside floors, and Markdown, too."""
    lay_out = label_table if "classifier" in evaluation.summary["scores"] else score_table
    return lay_out(evaluation.split, evaluation.summary)


@dataclasses.dataclass
class _Referee:
    """Measures whatever plays on the batches of a split."""

    clips: Clips
    protocol: Protocol
    mean_frame: Float[np.ndarray, "h w c"]
    viewer: Viewer
    tally: Tally = dataclasses.field(default_factory=Tally)

    def add_video(self, name: str, video: Video | np.ndarray, batch: Batch) -> None:
        """Measures a player's frames in [0, 1]."""
        self.tally.add_video(name, video, batch.truth, batch.valid)
        further = self.viewer.look(name, self._context(batch), jnp.asarray(video), batch.truth.video, batch.valid)
        self.tally.add_scores(name, further, batch.valid)

    def add_predictor(self, name: str, predictor: Predictor, batch: Batch, *, watched: Video | None = None) -> None:
        """Measures a model's prediction, and keeps what it thinks of the true future."""
        protocol, context = self.protocol, _context(batch, self.protocol)
        prediction = predictor.predict(
            context,
            num_frames=protocol.future_frames,
            key=_key(batch, protocol),
            sampling=protocol.sampling,
            watched=watched,
        )
        self.add_video(name, _unit(prediction.video), batch)
        near = _signed(_scored_frames(batch.fields, protocol)[:, : protocol.near])
        scored = predictor.score(context, near, watched=watched)
        found = Likelihood(*(np.asarray(getattr(scored, field)) for field in Likelihood._fields))
        self.tally.add_likelihood(name, found, batch.valid)

    def add_reconstruction(self, tokenizer: Tokenizer, batch: Batch) -> None:
        """The true future through the codebook, and the codes in use."""
        border = self.protocol.context_frames
        clean = _signed(batch.fields["video"][:, : border + self.protocol.future_frames])
        self.add_video("tokenizer_reconstruction", _unit(tokenizer.reconstruct(clean)[:, border:]), batch)
        self.tally.add_tokens(np.asarray(tokenizer.tokenize(clean)), tokenizer.sizes, batch.valid)

    def add_floors(self, batch: Batch) -> None:
        """The true frames, for the tracker's own error, who plays in them, and all that a prediction must beat."""
        context, frames = self.protocol.context_frames, self.protocol.future_frames
        spec, split = self.clips.spec, self.clips.split
        if spec:
            cast = cast_of(batch.fields, batch.truth.targets, roles=ROLE_NUMBERS)
            self.tally.add_cast(cast, tuple(FAMILIES), batch.valid)
        videos = {
            TRUTH: batch.truth.video,
            **(floors.redraw(spec, split, batch.fields["index"], context=context, frames=frames) if spec else {}),
            **floors.pixel_floors(batch.fields["video"][:, :context], frames, self.mean_frame),
        }
        for name, video in videos.items():
            self.add_video(name, video, batch)

    def evaluation(self) -> Evaluation:
        """What all batches amount to."""
        protocol, frame = self.protocol, self.clips.batch(np.arange(1))["video"][0, 0]
        summary = summarize(self.tally, frames=protocol.near, frame_size=frame.size)
        seen = self.viewer.finish(RealClips(self.clips, self.clips.sha256), batch_size=protocol.batch_size)
        for name, found in seen.scores.items():
            summary.split["scores"][name] |= found
        head = {
            "sha256": self.clips.sha256,
            "clips": protocol.clips,
            "context_frames": protocol.context_frames,
            "future_frames": protocol.future_frames,
            "sampling": _describe_sampling(protocol.sampling),
            "samples": {"count": protocol.samples, "clips": min(protocol.sampled_clips, protocol.clips)},
        }
        detail = {"index": list(range(protocol.clips)), **summary.clips}
        return Evaluation(self.clips.split, {**head, **summary.split, **seen.split}, detail)

    def _context(self, batch: Batch) -> Video:
        return jnp.asarray(batch.fields["video"][:, : self.protocol.context_frames], jnp.float32) / 255


def _add_samples(tally: Tally, predictor: Predictor, batch: Batch, protocol: Protocol) -> None:
    """Several futures of each clip that is sampled, and how far they are from the truth."""
    valid = min(batch.valid, protocol.sampled_clips - int(batch.indices[0]))
    if not protocol.samples or valid <= 0:
        return
    context, key = _context(batch, protocol), _key(batch, protocol)
    keys = [jax.random.fold_in(key, 1 + m) for m in range(protocol.samples)]
    drawn = {"num_frames": protocol.future_frames, "sampling": Sampling()}
    videos = [_unit(predictor.predict(context, key=each, **drawn).video) for each in keys]
    places = sampled_places(jnp.stack(videos, axis=1), batch.truth.targets)
    tally.add_scores("model", sample_ratios(places, batch.truth.targets, context.shape[2]), valid)


def _batches(clips: Clips, protocol: Protocol, progress: bool) -> Iterator[Batch]:
    """Batches of one shape: the last is filled up with its own clips.

    Raises:
        ValueError: The split has too few clips or frames.
    """
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


def _truth(fields: Mapping[str, np.ndarray], clips: Clips, protocol: Protocol) -> Truth:
    if clips.spec is None:
        return only_video(_scored_frames(fields, protocol))
    context, frames = protocol.context_frames, protocol.future_frames
    return truth_of(
        fields,
        floors.redraw_clutter(clips.spec, clips.split, fields["index"], context=context, frames=frames),
        context=context,
        slots=clips.spec.objects[1],
        roles=ROLE_NUMBERS,
        hues=HUES,
    )


def _describe_sampling(sampling: Sampling) -> str:
    if sampling.temperature == 0:
        return "minimum risk" if sampling.minimum_risk else "greedy"
    return f"one sample at temperature {sampling.temperature:g}, top-k {sampling.top_k}, top-p {sampling.top_p:g}"


def _key(batch: Batch, protocol: Protocol) -> Key:
    return jax.random.fold_in(jax.random.key(protocol.seed), batch.number)


def _context(batch: Batch, protocol: Protocol) -> Video:
    return _noisy_context(batch.fields, protocol)


def _noisy_context(fields: Mapping[str, np.ndarray], protocol: Protocol) -> Video:
    return _signed(fields["noisy"][:, : protocol.context_frames])


def _scored_frames(fields: Mapping[str, np.ndarray], protocol: Protocol) -> np.ndarray:
    return fields["video"][:, protocol.context_frames :][:, : protocol.future_frames]


def _signed(frames: np.ndarray) -> Video:
    """From bytes to the models' [-1, 1]."""
    return jnp.asarray(frames, jnp.float32) / 127.5 - 1


def _unit(video: Video) -> Video:
    """From the models' [-1, 1] to the metrics' [0, 1]."""
    return (video + 1) / 2


def run(config: ConfigDict, workdir: epath.PathLike) -> None:
    """scores on held-out clips, beside floors and ceilings: evaluation.json"""
    names, scorer = factory.evaluation_splits(config), _scorer(config, epath.Path(workdir))
    scorer.workdir.mkdir(parents=True, exist_ok=True)
    for name in names:
        clips = factory.open_split(config, name)
        if read_part(name, clips.sha256, scorer.origin, scorer.workdir) is None:
            write_part(scorer.score(clips), scorer.origin, scorer.workdir)
    write(read_parts(scorer.origin, scorer.workdir, first=names), scorer.workdir)
    print(closing_words(scorer.workdir))


class _Scorer(typing.NamedTuple):
    """What scores a split, where that is kept, and what decides the scores beside the split."""

    score: Callable[[Clips], Evaluation]
    workdir: epath.Path
    origin: Mapping[str, typing.Any]


def _protocol(config: ConfigDict) -> Protocol:
    asked = config.evaluation
    return Protocol(
        sampling=factory.sampling(config),
        clips=asked.clips,
        context_frames=config.data.context_frames,
        future_frames=config.data.frames - config.data.context_frames,
        near_frames=config.data.frames - config.data.context_frames,
        batch_size=asked.batch_size,
        seed=config.seed,
        samples=asked.samples,
        sampled_clips=asked.sampled_clips,
    )


def _scorer(config: ConfigDict, workdir: epath.Path) -> _Scorer:
    protocol, networks = _protocol(config), factory.networks(config)
    origin: dict[str, typing.Any] = {"rules": dataclasses.asdict(protocol), "networks": factory.network_names(config)}
    mean = functools.cache(lambda: floors.mean_frame(factory.open_split(config, "train")))

    def score(evaluate: Callable, contestant: typing.Any) -> Callable[[Clips], Evaluation]:
        return lambda clips: evaluate(contestant, clips, _within(clips, protocol), mean(), networks=networks)

    if config.evaluation.predictions:
        path = epath.Path(config.evaluation.predictions)
        origin["predictions"] = given.digest(path)

        def score_given(clips: Clips) -> Evaluation:
            asked, side = _within(clips, protocol), config.data.size
            video = given.read_predictions(path, (asked.clips, asked.future_frames, side, side, 3))
            return score(evaluate_video, video)(clips)

        return _Scorer(score_given, workdir / "given" / path.stem, origin)
    if config.kind == "classifier":
        origin["weights"] = [checkpoints.fingerprint(workdir)]
        asked = {"context_frames": protocol.context_frames, "batch_size": protocol.batch_size}
        classify = functools.partial(evaluate_classifier, factory.load_classifier(config, workdir), **asked)
        return _Scorer(lambda clips: classify(clips, count=_within(clips, protocol).clips), workdir, origin)
    if factory.predicts(config):
        predictor = factory.load_predictor(config, workdir)
        places = [workdir, factory.tokenizer_workdir(config, workdir)]
        kinds = (config.evaluation.checkpoint, "newest")
        origin["weights"] = [checkpoints.fingerprint(*each) for each in zip(places, kinds, strict=True)]
        return _Scorer(score(evaluate_predictor, predictor), workdir, origin)
    tokenizer = factory.load_tokenizer(config, workdir)
    origin["weights"] = [checkpoints.fingerprint(workdir)]
    return _Scorer(score(evaluate_tokenizer, tokenizer), workdir, origin)


def _within(clips: Clips, protocol: Protocol) -> Protocol:
    """A split's own: some have futures of several horizons; of recorded videos there are as many as there are."""
    if clips.spec:
        return dataclasses.replace(protocol, future_frames=clips.spec.horizon * protocol.near)
    return dataclasses.replace(protocol, clips=min(protocol.clips, len(clips)))


def closing_words(workdir: epath.PathLike) -> str:
    """The tables of everything that was evaluated in a workdir."""
    parts = [*(table(evaluation) for evaluation in read(workdir)), effect_table(read_effects(workdir))]
    return "\n\n".join(part for part in parts if part)
