"""Scores of a predictor, or of a tokenizer alone, over a split: beside its floors and its ceilings, always."""

import dataclasses
import json
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from etils import epath
from jaxtyping import Array, Float
from ml_collections import ConfigDict
from tqdm import tqdm

from futurepred_jax import factory, floors
from futurepred_jax.arrays import Key, TokenGrid, Video
from futurepred_jax.data.scene import ROLES
from futurepred_jax.data.spec import ClutterSpec
from futurepred_jax.metrics.labels import label_scores, label_table
from futurepred_jax.metrics.protocol import describe_protocol
from futurepred_jax.metrics.summary import TRUTH, Tally, jsonable, summarize
from futurepred_jax.metrics.table import score_table
from futurepred_jax.metrics.truth import FIELDS, Truth, truth_of
from futurepred_jax.models.decoding import Sampling
from futurepred_jax.training import atomic

SHUFFLED = "shuffled_pathway"
CLIP_FIELDS = (*FIELDS, "role", "noise", "index")  # what a split must be stored with


@typing.runtime_checkable
class Tokenizer(typing.Protocol):
    """What is asked of a tokenizer."""

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of codes of each digit of a token."""
        ...

    def reconstruct(self, video: Video) -> Video:
        """Encodes and decodes frames in [-1, 1]."""
        ...

    def tokenize(self, video: Video) -> TokenGrid:
        """Encodes frames in [-1, 1]."""
        ...


@typing.runtime_checkable
class Predictor(Tokenizer, typing.Protocol):
    """What is asked of a predictor besides; videos in [-1, 1].

    Its motion pathway, where it has one, sees the frames ``watched`` in place of the context.
    """

    @property
    def gates(self) -> dict[str, float]:
        """How far the gates of a motion pathway's features are open; empty without one."""
        ...

    def predict(
        self, context: Video, *, num_frames: int, key: Key, sampling: Sampling, watched: Video | None = None
    ) -> typing.Any:
        """The first ``num_frames`` future frames, as ``.video``."""
        ...

    def score(self, context: Video, future: Video, *, watched: Video | None = None) -> typing.Any:
        """For every future token ``.nll`` in nats, and ``.correct``: whether it was the likeliest."""
        ...


@typing.runtime_checkable
class Clips(typing.Protocol):
    """A stored split, such as ``data.store.StoredClips``."""

    @property
    def spec(self) -> ClutterSpec:
        """From which the clips were drawn."""
        ...

    @property
    def split(self) -> str:
        """Its name."""
        ...

    @property
    def sha256(self) -> str:
        """Of all of its clips."""
        ...

    def __len__(self) -> int:
        """Number of clips."""
        ...

    def batch(self, indices: np.ndarray) -> dict[str, np.ndarray]:
        """CLIP_FIELDS and ``noisy``, with a leading axis."""
        ...


@dataclasses.dataclass(frozen=True)
class Protocol:
    """Which clips and frames are scored, and how futures are sampled."""

    sampling: Sampling
    clips: int = 256
    context_frames: int = 9
    future_frames: int = 8
    batch_size: int = 32
    seed: int = 0


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """One split: ``summary`` as in ``evaluation.json``, ``clips`` as in ``evaluation_clips.json``."""

    split: str
    summary: dict[str, typing.Any]
    clips: dict[str, typing.Any]


def evaluate_predictor(
    predictor: Predictor,
    clips: Clips,
    protocol: Protocol,
    mean_frame: Float[np.ndarray, "h w c"],
    *,
    progress: bool = True,
) -> Evaluation:
    """Scores the predicted futures of a split's first clips, from their noisy context, against the noise-free truth.

    A model with a motion pathway is scored a second time with the pathway watching the next clip of the split: what it
    loses by that is what it has from the pathway.

    Args:
        predictor: The model.
        clips: The split, stored with at least CLIP_FIELDS.
        protocol: What is scored.
        mean_frame: Of the training split, in [0, 1]; see ``floors.mean_frame``.
        progress: Shows a bar.

    Raises:
        ValueError: The split has too few clips or frames, or a picture leaves its range.
    """
    tally = Tally()
    for number, batch, truth, valid in _batches(clips, protocol, progress):
        context, future = _context(batch, protocol), _signed(_scored_frames(batch, protocol))
        watched: dict[str, Video | None] = {"model": None}
        if predictor.gates:
            watched[SHUFFLED] = _context(clips.batch((batch["index"] + 1) % protocol.clips), protocol)
        key = jax.random.fold_in(jax.random.key(protocol.seed), number)
        asked = {"num_frames": protocol.future_frames, "key": key, "sampling": protocol.sampling}
        for name, instead in watched.items():
            prediction = predictor.predict(context, watched=instead, **asked)
            tally.add_video(name, _unit(prediction.video), truth, valid)
            scored = predictor.score(context, future, watched=instead)
            tally.add_likelihood(name, np.asarray(scored.nll), np.asarray(scored.correct), valid)
        _add_references(tally, predictor, clips, batch, truth, valid, protocol, mean_frame)
    evaluation = _evaluation(tally, clips, protocol)
    if predictor.gates:
        evaluation.summary["gates"] = jsonable(predictor.gates)
    return evaluation


def evaluate_tokenizer(
    tokenizer: Tokenizer,
    clips: Clips,
    protocol: Protocol,
    mean_frame: Float[np.ndarray, "h w c"],
    *,
    progress: bool = True,
) -> Evaluation:
    """Scores a tokenizer's reconstructions as ``evaluate_predictor`` does, with no model beside them."""
    tally = Tally()
    for _, batch, truth, valid in _batches(clips, protocol, progress):
        _add_references(tally, tokenizer, clips, batch, truth, valid, protocol, mean_frame)
    return _evaluation(tally, clips, protocol)


def evaluate_classifier(
    classify: Callable[[np.ndarray], Mapping[str, Array]], clips: Clips, protocol: Protocol, *, progress: bool = True
) -> Evaluation:
    """How often a classifier is right about a split's first clips.

    Args:
        classify: noisy clips to logits of each label of the target.
        clips: the split, stored with ``noisy`` and the labels of every slot, the target's first.
        protocol: how many clips are scored; context and future are not told apart here.
        progress: shows a bar.
    """
    found, true = [], []
    for start in tqdm(
        range(0, protocol.clips, protocol.batch_size), desc=f"evaluate {clips.split}", disable=not progress
    ):
        batch = clips.batch(np.arange(start, min(start + protocol.batch_size, protocol.clips)))
        logits = classify(batch["noisy"])
        found.append({name: np.argmax(values, axis=-1) for name, values in logits.items()})
        true.append({name: batch[name][:, 0] for name in logits})
    predicted, labels = ({name: np.concatenate([b[name] for b in part]) for name in part[0]} for part in (found, true))
    scored = label_scores(predicted, labels)
    head = {"sha256": clips.sha256, "clips": protocol.clips, "context_frames": protocol.context_frames}
    detail = {"index": list(range(protocol.clips)), "scores": scored.clips}
    return Evaluation(clips.split, head | jsonable(scored.split), detail)


def table(evaluation: Evaluation) -> str:
    """All scores of a split as text: those of futures and reconstructions beside floors, and Markdown, too."""
    lay_out = label_table if "classifier" in evaluation.summary["scores"] else score_table
    return lay_out(evaluation.split, evaluation.summary)


def write(evaluations: Sequence[Evaluation], workdir: epath.PathLike) -> None:
    """Puts ``evaluation.json`` and ``evaluation_clips.json`` into the workdir, each in one move."""
    workdir = epath.Path(workdir)
    clips = {evaluation.split: evaluation.clips for evaluation in evaluations}
    splits = {evaluation.split: evaluation.summary for evaluation in evaluations}
    document = {"protocol": describe_protocol(), "splits": splits}
    atomic.write_text(workdir / "evaluation_clips.json", json.dumps(clips, allow_nan=False))
    atomic.write_text(workdir / "evaluation.json", json.dumps(document, indent=1, allow_nan=False))


def read(workdir: epath.PathLike) -> list[Evaluation]:
    """What ``write`` left in the workdir."""
    workdir = epath.Path(workdir)
    splits = json.loads((workdir / "evaluation.json").read_text())["splits"]
    clips = json.loads((workdir / "evaluation_clips.json").read_text())
    return [Evaluation(split, summary, clips[split]) for split, summary in splits.items()]


def _batches(
    clips: Clips, protocol: Protocol, progress: bool
) -> Iterator[tuple[int, dict[str, np.ndarray], Truth, int]]:
    """Number, clips, truth, and how many clips count: the last batch is filled up with its own, to keep one shape."""
    if not 1 <= protocol.clips <= len(clips):
        raise ValueError(f"{protocol.clips} clips of {clips.split}: it has {len(clips)}; store more or ask for fewer")
    needed, size = protocol.context_frames + protocol.future_frames, min(protocol.batch_size, protocol.clips)
    with tqdm(total=protocol.clips, desc=f"evaluate {clips.split}", unit="clip", disable=not progress) as bar:
        for number, start in enumerate(range(0, protocol.clips, size)):
            indices = np.arange(start, min(start + size, protocol.clips))
            batch = clips.batch(np.resize(indices, size))
            if batch["video"].shape[1] < needed:
                frames = batch["video"].shape[1]
                raise ValueError(f"clips of {frames} frames: context and future need {needed}; store longer ones")
            yield number, batch, _truth(batch, clips.spec, protocol), len(indices)
            bar.update(len(indices))


def _truth(batch: Mapping[str, np.ndarray], spec: ClutterSpec, protocol: Protocol) -> Truth:
    return truth_of(
        batch,
        batch["role"] == ROLES.index("target"),
        context=protocol.context_frames,
        frames=protocol.future_frames,
        slots=spec.objects[1],
    )


def _add_references(
    tally: Tally,
    tokenizer: Tokenizer,
    clips: Clips,
    batch: Mapping[str, np.ndarray],
    truth: Truth,
    valid: int,
    protocol: Protocol,
    mean_frame: Float[np.ndarray, "h w c"],
) -> None:
    """The true frames, for the tracker's own error, the tokenizer's reconstruction, and the floors."""
    context, frames = protocol.context_frames, protocol.future_frames
    clean = _signed(batch["video"][:, : context + frames])
    videos = {
        TRUTH: truth.video,
        "tokenizer_reconstruction": _unit(tokenizer.reconstruct(clean)[:, context:]),
        **floors.redraw(clips.spec, clips.split, batch["index"], context=context, frames=frames),
        **floors.pixel_floors(batch["video"][:, :context], frames, mean_frame),
    }
    for name, video in videos.items():
        tally.add_video(name, video, truth, valid)
    tally.add_tokens(np.asarray(tokenizer.tokenize(clean)), tokenizer.sizes, valid)


def _evaluation(tally: Tally, clips: Clips, protocol: Protocol) -> Evaluation:
    side = clips.spec.size
    summary = summarize(tally, dimensions=protocol.future_frames * side * side * 3)
    head = {
        "sha256": clips.sha256,
        "clips": protocol.clips,
        "context_frames": protocol.context_frames,
        "future_frames": protocol.future_frames,
        "sampling": _describe_sampling(protocol.sampling),
    }
    detail = {"index": list(range(protocol.clips)), "scores": summary.clips}
    return Evaluation(clips.split, head | summary.split, detail)


def _describe_sampling(sampling: Sampling) -> str:
    if sampling.temperature == 0:
        return "minimum risk" if sampling.minimum_risk else "greedy"
    return f"one sample at temperature {sampling.temperature:g}, top-k {sampling.top_k}, top-p {sampling.top_p:g}"


def _scored_frames(batch: Mapping[str, np.ndarray], protocol: Protocol) -> np.ndarray:
    return batch["video"][:, protocol.context_frames :][:, : protocol.future_frames]


def _context(batch: Mapping[str, np.ndarray], protocol: Protocol) -> Video:
    return _signed(batch["noisy"][:, : protocol.context_frames])


def _signed(frames: np.ndarray) -> Video:
    """From bytes to the models' [-1, 1]."""
    return jnp.asarray(frames, jnp.float32) / 127.5 - 1


def _unit(video: Video) -> Video:
    """From the models' [-1, 1] to the metrics' [0, 1]."""
    return (video + 1) / 2


def run(config: ConfigDict, workdir: epath.PathLike) -> None:
    """scores on held-out clips, beside floors and ceilings: evaluation.json"""
    protocol = Protocol(
        sampling=factory.sampling(config),
        clips=config.evaluation.clips,
        context_frames=config.data.context_frames,
        future_frames=config.data.frames - config.data.context_frames,
        batch_size=config.evaluation.batch_size,
        seed=config.seed,
    )
    splits = [factory.open_split(config, name) for name in factory.evaluation_splits(config)]
    score = _scorer(config, workdir, protocol)
    write([score(clips) for clips in splits], workdir)
    print(closing_words(workdir))


def _scorer(config: ConfigDict, workdir: epath.PathLike, protocol: Protocol) -> Callable[[Clips], Evaluation]:
    """What scores a split, by what the config trains."""
    if config.kind == "classifier":
        classify = factory.load_classifier(config, workdir)
        return lambda clips: evaluate_classifier(classify, clips, protocol)
    mean = floors.mean_frame(factory.open_split(config, "train"))
    if factory.predicts(config):
        predictor = factory.load_predictor(config, workdir)
        return lambda clips: evaluate_predictor(predictor, clips, protocol, mean)
    tokenizer = factory.load_tokenizer(config, workdir)
    return lambda clips: evaluate_tokenizer(tokenizer, clips, protocol, mean)


def closing_words(workdir: epath.PathLike) -> str:
    """The tables of everything that was evaluated in a workdir."""
    return "\n\n".join(table(evaluation) for evaluation in read(workdir))
