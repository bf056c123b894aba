"""Predicts the futures of chosen held-out clips and writes each one as a GIF and as arrays, with an index of all."""

import dataclasses
import functools
import hashlib
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from etils import epath
from jaxtyping import UInt8
from ml_collections import ConfigDict
from tqdm import tqdm

from futurepred_jax import factory
from futurepred_jax.data.pipeline import Source
from futurepred_jax.evaluation import results
from futurepred_jax.evaluation.interfaces import Predictor
from futurepred_jax.evaluation.tracks import about_clip, knows_targets, tracks_of
from futurepred_jax.pixels import to_signed, to_uint8, to_unit
from futurepred_jax.reporting.choices import Choice, choose_clips, describe_choices
from futurepred_jax.reporting.files import write_bytes
from futurepred_jax.reporting.gif import side_by_side

__all__ = ["Choice", "Rollout", "choose_clips", "describe_choices", "write_predictions"]

FOLDER = "predictions"
ORIGIN = "origin.json"  # of the predictions beside it


@dataclasses.dataclass(frozen=True)
class Rollout:
    """How futures are predicted and shown.

    Attributes:
        context_frames: Number of frames that the model sees.
        future_frames: Number of frames to predict.
        sampling: How tokens are sampled, a ``models.sampling.Sampling``.
        seed: Seed of the sampling.
        fps: Frames per second of the GIFs.
        horizons: Factors by which the futures of some splits are longer than ``future_frames``.
    """

    context_frames: int
    future_frames: int
    sampling: Any
    seed: int = 0
    fps: int | float = 6.0
    horizons: Mapping[str, int] = dataclasses.field(default_factory=dict)

    def future_of(self, split: str) -> int:
        """Returns the number of frames to predict of a split's clips."""
        return self.future_frames * self.horizons.get(split, 1)


def write_predictions(
    predictor: Predictor,
    clips: Mapping[str, Source],
    choices: Sequence[Choice],
    rollout: Rollout,
    folder: epath.PathLike,
) -> epath.Path:
    """Predicts the chosen clips one by one and writes ``NAME.gif``, ``NAME.npz`` and ``index.json`` into ``folder``.

    Each npz holds the uint8 arrays ``context`` (the frames that the model saw), ``truth`` (the noise-free future),
    ``prediction``, and ``copy_last`` (the last noise-free context frame, repeated). If the clip's objects are known, it
    also holds the arrays that ``tracks_of`` returns, and the index says what is in the clip.

    The key of a clip depends only on the seed and on the clip's index, so the same call writes the same files, whatever
    other clips are chosen. At temperature 0 the predictions are the ones that the evaluation scored. Files that only
    the previous index names are removed after the new index is written.

    Args:
        predictor: The model.
        clips: A source for each split that ``choices`` name, with the uint8 fields ``video`` and ``noisy``.
        choices: The clips, from ``choose_clips``.
        rollout: Lengths, sampling and frame rate.
        folder: Where the files are written, usually ``workdir/predictions``.

    Returns:
        The path of ``index.json``.

    Raises:
        ValueError: If a clip is shorter than context and future together, or a choice names a split without a source.
    """
    folder = epath.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    index = folder / "index.json"
    stale = _listed(index)
    entries = []
    for choice in tqdm(choices, desc="predicting", unit="clip"):
        batch = _clip(clips, choice, rollout)
        arrays = _predict(predictor, batch, choice, rollout)
        films = side_by_side(arrays["context"], arrays["truth"], arrays["prediction"], fps=rollout.fps)
        entry = {**dataclasses.asdict(choice), "name": choice.name}
        if knows_targets(batch):
            entry |= about_clip(batch)
            arrays |= tracks_of(batch, arrays["prediction"], context=rollout.context_frames)
        entry |= {"gif": f"{choice.name}.gif", "npz": f"{choice.name}.npz", "fps": rollout.fps}
        write_bytes(folder / entry["gif"], films)
        write_bytes(folder / entry["npz"], _npz(arrays))
        entries.append(entry)
    write_bytes(index, json.dumps(entries, indent=1).encode())
    for name in stale - _files(entries):
        (folder / name).unlink(missing_ok=True)
    return index


def _clip(clips: Mapping[str, Source], choice: Choice, rollout: Rollout) -> dict[str, np.ndarray]:
    """Returns a batch of the one chosen clip; raises the errors of ``write_predictions``."""
    if choice.split not in clips:
        raise ValueError(f"no clips of split {choice.split!r}: there are {', '.join(sorted(clips))}")
    batch = clips[choice.split].batch(np.array([choice.index]))
    border, future = rollout.context_frames, rollout.future_of(choice.split)
    if batch["video"].shape[1] < border + future:
        raise ValueError(
            f"{choice.name} has {batch['video'].shape[1]} frames: "
            f"{border} of context and {future} of future need {border + future}"
        )
    return batch


def _predict(
    predictor: Predictor, batch: Mapping[str, np.ndarray], choice: Choice, rollout: Rollout
) -> dict[str, UInt8[np.ndarray, "t h w 3"]]:
    border, future = rollout.context_frames, rollout.future_of(choice.split)
    context = batch["noisy"][:, :border]
    predicted = predictor.predict(
        to_signed(jax.numpy.asarray(context)),
        num_frames=future,
        key=jax.random.fold_in(jax.random.key(rollout.seed), choice.index),
        sampling=rollout.sampling,
    )
    return {
        "context": context[0],
        "truth": batch["video"][0, border : border + future],
        "prediction": to_uint8(to_unit(predicted.video[0])),
        "copy_last": np.repeat(batch["video"][0, border - 1 : border], future, axis=0),
    }


def _npz(arrays: Mapping[str, Any]) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def _listed(index: epath.Path) -> set[str]:
    """Returns the files that an index names: none if it is missing or damaged."""
    try:
        return _files(json.loads(index.read_text())) if index.exists() else set()
    except (ValueError, TypeError, KeyError):
        return set()


def _files(entries: Iterable[Mapping[str, Any]]) -> set[str]:
    return {entry[kind] for entry in entries for kind in ("gif", "npz")}


def run(config: ConfigDict, workdir: epath.PathLike) -> None:
    """Predicts chosen clips of the held-out splits by the workdir's model and writes them into ``predictions``."""
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
    folder = epath.Path(workdir) / FOLDER
    write_predictions(factory.load_predictor(config, workdir), clips, choices, rollout, folder)
    write_bytes(folder / ORIGIN, _origin(config, epath.Path(workdir)).encode())
    print(f"wrote {len(choices)} clips below {folder}")


def is_current(config: ConfigDict, workdir: epath.PathLike) -> bool:
    """Tells whether the workdir's predictions are those that ``run`` would write."""
    folder = epath.Path(workdir) / FOLDER
    if not (folder / ORIGIN).exists() or (folder / ORIGIN).read_text() != _origin(config, epath.Path(workdir)):
        return False
    listed = _listed(folder / "index.json")
    return bool(listed) and all((folder / name).exists() for name in listed)


def _origin(config: ConfigDict, workdir: epath.Path) -> str:
    """Returns what decides the predictions, as JSON: the scores, which differ for another model, and the choices."""
    scores = workdir / "evaluation.json"
    digest = hashlib.sha256(scores.read_bytes()).hexdigest() if scores.exists() else None
    asked = {"splits": config.evaluation.splits, "predictions": config.predictions.to_dict()}
    return json.dumps({"evaluation": digest, **asked}, indent=1)


def _scores(config: ConfigDict, workdir: epath.Path) -> dict[str, Any] | None:
    """Returns the scores by clip of the configured splits, or of all scored splits; None if nothing was scored."""
    scored = {evaluation.split: evaluation.clips for evaluation in results.read(workdir)}
    names = factory.evaluation_splits(config) if config.evaluation.splits else tuple(scored)
    if scored and (missing := ",".join(name for name in names if name not in scored)):
        raise ValueError(
            f"clips are chosen by their scores, but {missing} has none: run --mode=evaluate --splits={missing} first"
        )
    return {name: scored[name] for name in names if name in scored} or None
