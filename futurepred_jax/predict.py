"""Predicts the futures of chosen clips and writes them down: a GIF to look at, arrays to compute with, an index."""

import dataclasses
import functools
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import jax
import numpy as np
from etils import epath
from jaxtyping import UInt8
from ml_collections import ConfigDict
from tqdm import tqdm

from futurepred_jax import factory
from futurepred_jax.data.pipeline import Source
from futurepred_jax.evaluation.tracks import about_clip, knows_targets, tracks_of
from futurepred_jax.reporting.choices import Choice, choose_clips, describe_choices
from futurepred_jax.reporting.files import write_bytes
from futurepred_jax.reporting.gif import side_by_side

__all__ = ["Choice", "Rollout", "choose_clips", "describe_choices", "write_predictions"]


@dataclasses.dataclass(frozen=True)
class Rollout:
    """How a future is predicted: from the first ``noisy`` frames, to be held against the noise-free ``video``."""

    context_frames: int
    future_frames: int
    sampling: Any  # models.sampling.Sampling
    seed: int = 0
    fps: int | float = 6.0
    horizons: Mapping[str, int] = dataclasses.field(default_factory=dict)  # of some splits: so many times as long

    def future_of(self, split: str) -> int:
        """Future frames of a split's clips."""
        return self.future_frames * self.horizons.get(split, 1)


@runtime_checkable
class Predictor(Protocol):
    """What is asked of a model: the first ``num_frames`` future frames of a video in [-1, 1], as ``.video``."""

    def predict(self, context: Any, *, num_frames: int, key: Any, sampling: Any) -> Any: ...


def write_predictions(
    predictor: Predictor,
    clips: Mapping[str, Source],
    choices: Sequence[Choice],
    protocol: Rollout,
    folder: epath.PathLike,
) -> epath.Path:
    """Predict the chosen clips one by one and write ``NAME.gif``, ``NAME.npz`` and ``index.json`` into ``folder``.

    An npz holds uint8 ``context`` as the model saw it, the noise-free ``truth``, ``prediction``, and ``copy_last``, the
    last noise-free context frame repeated; where the truth is known also what ``tracks_of`` finds, and the index then
    says what is in the clip. The key of a clip depends on the seed and its index only, so repeating a
    call, or choosing other clips beside it, gives the same files; at temperature 0 predictions are, besides, the very
    ones that an evaluation scored. Files that an earlier index named and this one does not are removed once the new one
    stands.

    Args:
        predictor: the model.
        clips: a source for each split that ``choices`` name, with uint8 fields ``video`` and ``noisy``.
        choices: from ``choose_clips``.
        protocol: lengths, sampling and frame rate.
        folder: usually ``workdir/predictions``.

    Returns:
        The path of ``index.json``.

    Raises:
        ValueError: a clip is shorter than context + future, or a choice names a split without a source.
    """
    folder = epath.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    index = folder / "index.json"
    stale = _files(json.loads(index.read_text())) if index.exists() else set()
    entries = []
    for choice in tqdm(choices, desc="predicting", unit="clip"):
        batch = _clip(clips, choice, protocol)
        arrays = _predict(predictor, batch, choice, protocol)
        films = side_by_side(arrays["context"], arrays["truth"], arrays["prediction"], fps=protocol.fps)
        entry = {**dataclasses.asdict(choice), "name": choice.name}
        if knows_targets(batch):
            entry |= about_clip(batch)
            arrays |= tracks_of(batch, arrays["prediction"], context=protocol.context_frames)
        entry |= {"gif": f"{choice.name}.gif", "npz": f"{choice.name}.npz", "fps": protocol.fps}
        write_bytes(folder / entry["gif"], films)
        write_bytes(folder / entry["npz"], _npz(arrays))
        entries.append(entry)
    write_bytes(index, json.dumps(entries, indent=1).encode())
    for name in stale - _files(entries):
        (folder / name).unlink(missing_ok=True)
    return index


def _clip(clips: Mapping[str, Source], choice: Choice, protocol: Rollout) -> dict[str, np.ndarray]:
    """A batch of one clip.

    Raises:
        ValueError: as ``write_predictions``.
    """
    if choice.split not in clips:
        raise ValueError(f"no clips of split {choice.split!r}: there are {', '.join(sorted(clips))}")
    batch = clips[choice.split].batch(np.array([choice.index]))
    border, future = protocol.context_frames, protocol.future_of(choice.split)
    if batch["video"].shape[1] < border + future:
        raise ValueError(
            f"{choice.name} has {batch['video'].shape[1]} frames: "
            f"{border} of context and {future} of future need {border + future}"
        )
    return batch


def _predict(
    predictor: Predictor, batch: Mapping[str, np.ndarray], choice: Choice, protocol: Rollout
) -> dict[str, UInt8[np.ndarray, "t h w 3"]]:
    border, future = protocol.context_frames, protocol.future_of(choice.split)
    context = batch["noisy"][:, :border]
    predicted = predictor.predict(
        jax.numpy.asarray(context, jax.numpy.float32) / 127.5 - 1,
        num_frames=future,
        key=jax.random.fold_in(jax.random.key(protocol.seed), choice.index),
        sampling=protocol.sampling,
    )
    return {
        "context": context[0],
        "truth": batch["video"][0, border : border + future],
        "prediction": _to_uint8(np.asarray(predicted.video[0])),
        "copy_last": np.repeat(batch["video"][0, border - 1 : border], future, axis=0),
    }


def _to_uint8(video: np.ndarray) -> np.ndarray:
    return np.clip(np.round((video + 1) * 127.5), 0, 255).astype(np.uint8)


def _npz(arrays: Mapping[str, Any]) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def _files(entries: Iterable[Mapping[str, Any]]) -> set[str]:
    return {entry[kind] for entry in entries for kind in ("gif", "npz")}


def run(config: ConfigDict, workdir: epath.PathLike) -> None:
    """predicted futures of held-out clips beside the true ones: predictions/*.gif and *.npz"""
    scores = _scores(config, epath.Path(workdir))
    opened = functools.cache(functools.partial(factory.open_split, config))
    choices = choose_clips(
        scores,
        config.predictions.clips,
        config.predictions.seed,
        available=None if scores else {name: len(opened(name)) for name in factory.evaluation_splits(config)},
    )
    print(describe_choices(choices))
    clips = {name: opened(name) for name in sorted({choice.split for choice in choices})}
    border = config.data.context_frames
    rollout = Rollout(
        border,
        config.data.frames - border,
        factory.sampling(config),
        seed=config.seed,
        fps=config.data.fps,
        horizons={name: split.spec.horizon for name, split in clips.items() if split.spec},
    )
    write_predictions(
        factory.load_predictor(config, workdir), clips, choices, rollout, epath.Path(workdir) / "predictions"
    )


def _scores(config: ConfigDict, workdir: epath.Path) -> dict[str, Any] | None:
    """Scores clip by clip of the splits that are asked for, or of all that were scored; None where there are none."""
    path = workdir / "evaluation_clips.json"
    found = json.loads(path.read_text()) if path.exists() else {}
    asked = factory.evaluation_splits(config) if config.evaluation.splits else tuple(found)
    if found and (missing := ",".join(name for name in asked if name not in found)):
        raise ValueError(f"{missing}: clips are chosen by their scores: --mode=evaluate --splits={missing} first")
    return {name: found[name] for name in asked if name in found} or None
