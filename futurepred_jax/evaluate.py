"""Scores of a predictor, or of a tokenizer alone, over a split: beside its floors and its ceilings, always."""

import dataclasses
import json
import typing
from collections.abc import Iterator, Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from etils import epath
from jaxtyping import Float
from ml_collections import ConfigDict
from tqdm import tqdm

from futurepred_jax import factory, floors
from futurepred_jax.arrays import Key, TokenGrid, Video
from futurepred_jax.data.pipeline import Clips
from futurepred_jax.data.scene import ROLES
from futurepred_jax.data.spec import ClutterSpec
from futurepred_jax.metrics.protocol import describe_protocol
from futurepred_jax.metrics.summary import TRUTH, Tally, summarize
from futurepred_jax.metrics.table import score_table
from futurepred_jax.metrics.truth import FIELDS, Truth, only_video, truth_of
from futurepred_jax.models.decoding import Sampling
from futurepred_jax.training import atomic

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
    """What is asked of a predictor besides; videos in [-1, 1]."""

    def predict(self, context: Video, *, num_frames: int, key: Key, sampling: Sampling) -> typing.Any:
        """The first ``num_frames`` future frames, as ``.video``."""
        ...

    def score(self, context: Video, future: Video) -> typing.Any:
        """For every future token ``.nll`` in nats, and ``.correct``: whether it was the likeliest."""
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

    Args:
        predictor: The model.
        clips: The split, stored with at least CLIP_FIELDS, or recorded.
        protocol: What is scored.
        mean_frame: Of the training split, in [0, 1]; see ``floors.mean_frame``.
        progress: Shows a bar.

    Raises:
        ValueError: The split has too few clips or frames, or a picture leaves its range.
    """
    tally = Tally()
    for number, batch, truth, valid in _batches(clips, protocol, progress):
        context = _signed(batch["noisy"][:, : protocol.context_frames])
        key = jax.random.fold_in(jax.random.key(protocol.seed), number)
        prediction = predictor.predict(context, num_frames=protocol.future_frames, key=key, sampling=protocol.sampling)
        tally.add_video("model", _unit(prediction.video), truth, valid)
        scored = predictor.score(context, _signed(_scored_frames(batch, protocol)))
        tally.add_likelihood(np.asarray(scored.nll), np.asarray(scored.correct), valid)
        _add_references(tally, predictor, clips, batch, truth, valid, protocol, mean_frame)
    return _evaluation(tally, clips, protocol)


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


def table(evaluation: Evaluation) -> str:
    """All scores, the lead over each floor, the tracker's own error and the codebook, as text and Markdown in one."""
    return score_table(evaluation.split, evaluation.summary)


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


def _truth(batch: Mapping[str, np.ndarray], spec: ClutterSpec | None, protocol: Protocol) -> Truth:
    if spec is None:
        return only_video(_scored_frames(batch, protocol))
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
    spec, split, index = clips.spec, clips.split, batch["index"]
    videos = {
        TRUTH: truth.video,
        "tokenizer_reconstruction": _unit(tokenizer.reconstruct(clean)[:, context:]),
        **(floors.redraw(spec, split, index, context=context, frames=frames) if spec else {}),
        **floors.pixel_floors(batch["video"][:, :context], frames, mean_frame),
    }
    for name, video in videos.items():
        tally.add_video(name, video, truth, valid)
    tally.add_tokens(np.asarray(tokenizer.tokenize(clean)), tokenizer.sizes, valid)


def _evaluation(tally: Tally, clips: Clips, protocol: Protocol) -> Evaluation:
    frame = clips.batch(np.arange(1))["video"][0, 0]
    summary = summarize(tally, dimensions=protocol.future_frames * frame.size)
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
    mean = floors.mean_frame(factory.open_split(config, "train"))
    if config.kind == "predictor":
        predictor = factory.load_predictor(config, workdir)
        evaluations = [evaluate_predictor(predictor, clips, _within(clips, protocol), mean) for clips in splits]
    else:
        tokenizer = factory.load_tokenizer(config, workdir)
        evaluations = [evaluate_tokenizer(tokenizer, clips, _within(clips, protocol), mean) for clips in splits]
    write(evaluations, workdir)
    print(closing_words(workdir))


def _within(clips: Clips, protocol: Protocol) -> Protocol:
    """Of recorded videos there are as many as there are: at most all are scored."""
    return protocol if clips.spec else dataclasses.replace(protocol, clips=min(protocol.clips, len(clips)))


def closing_words(workdir: epath.PathLike) -> str:
    """The tables of everything that was evaluated in a workdir."""
    return "\n\n".join(table(evaluation) for evaluation in read(workdir))
