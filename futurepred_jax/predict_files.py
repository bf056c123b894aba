"""Predicts what follows a user's own videos: writes each prediction as MP4 and GIF, and its arrays as npz."""

import dataclasses
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
from etils import epath
from ml_collections import ConfigDict
from tqdm import tqdm

from futurepred_jax import factory, pretrained
from futurepred_jax.data.recorded import Cut, Recording, given
from futurepred_jax.interface import Predictor
from futurepred_jax.pixels import to_uint8
from futurepred_jax.reporting.files import write_bytes
from futurepred_jax.reporting.futures import draw_pages, encode_mp4
from futurepred_jax.reporting.gif import encode
from futurepred_jax.training import atomic, checkpoints

FOLDER = "videos"
LEFT_TO_THE_COMMAND_LINE = ("predictions",)  # sections that the command line sets even for a packed model
ORIGIN = "origin.json"  # what a video's futures were made from; it is written last, so it marks them as complete


@dataclasses.dataclass(frozen=True)
class SamplingRequest:
    """Which futures to sample.

    Attributes:
        frames: Number of frames of each future.
        samples: Number of futures of each video.
        seed: Seed of the sampling.
    """

    frames: int
    samples: int = 1
    seed: int = 0


def write_futures(
    predictor: Predictor,
    recordings: Sequence[Recording],
    request: SamplingRequest,
    folder: epath.PathLike,
    *,
    weights: Any = None,
) -> None:
    """Predicts what follows the last frames of each recording and writes the futures into ``folder/NAME/``.

    ``futures.mp4`` and ``futures.gif`` show the context and at most eight futures side by side. ``futures.npz`` holds
    the uint8 arrays ``context`` [t h w 3] and ``futures`` [m n h w 3], the ``tokens``, and ``log_likelihood`` in nats.
    A recording whose futures were already written for the same content, weights and request is skipped.

    Args:
        predictor: The model.
        recordings: The videos; each is brought to the model's size and frame rate.
        request: How many futures to sample, of how many frames.
        folder: Where the folders of the videos are written, usually ``workdir/videos``.
        weights: What identifies the model's weights, as JSON types.

    Raises:
        ValueError: If some recordings cannot be read or are too short. The message names them, and it is raised only
            after all other recordings are done.
    """
    wrong, kept = {}, 0
    cut = Cut(size=predictor.size, frames=predictor.context_frames, fps=predictor.fps)
    bar = tqdm(recordings, desc="predicting, compiling", unit="video")  # until the first one is predicted
    for recording in bar:
        place = epath.Path(folder) / recording.name
        origin = {"place": recording.place, "version": recording.version, "weights": weights}
        origin |= dataclasses.asdict(request)
        if _is_current(place, origin):
            kept += 1
            continue
        try:
            _require_same_video(place, recording)
            context = _context(recording, cut)
        except (ValueError, OSError) as error:
            wrong[recording.name] = str(error)
            continue
        arrays = _predict(predictor, context, request)
        bar.set_description("predicting")
        sizes = _write(place, arrays, fps=cut.fps)
        atomic.write_text(place / ORIGIN, json.dumps({**origin, "files": sizes}, indent=1))
    written = len(recordings) - kept - len(wrong)
    print(f"{written} videos predicted below {folder}" + (f", {kept} kept from before" if kept else ""))
    if wrong:
        told = "\n  ".join(f"{name}: {reason}" for name, reason in wrong.items())
        raise ValueError(
            f"{len(wrong)} of {len(recordings)} videos were left out, the others are done, below {folder}:\n  {told}"
        )


def _context(recording: Recording, cut: Cut) -> np.ndarray:
    frames = recording.read(cut)
    if len(frames) < cut.frames:
        raise ValueError(f"it has {len(frames)} frames at {cut.fps:g} a second, the model looks at {cut.frames}")
    return frames[-cut.frames :]


def _predict(predictor: Predictor, context: np.ndarray, request: SamplingRequest) -> dict[str, np.ndarray]:
    key = jax.random.key(request.seed)
    drawn = predictor(context[None], num_frames=request.frames, num_samples=request.samples, key=key)
    return {
        "context": context,
        "futures": to_uint8(drawn.video[0]),
        "tokens": np.asarray(drawn.tokens[0]),
        "log_likelihood": np.asarray(drawn.log_likelihood[0]),
    }


def _require_same_video(place: epath.Path, recording: Recording) -> None:
    """Raises a ValueError if a video's folder holds futures of another file of the same name."""
    try:
        before = json.loads((place / ORIGIN).read_text())["place"]
    except (OSError, ValueError, KeyError, TypeError):
        return
    if before != recording.place:
        raise ValueError(f"{place} holds the futures of {before}: choose another --workdir, or delete that folder")


def _is_current(place: epath.Path, origin: Mapping[str, Any]) -> bool:
    """Tells whether a video's folder holds all files that were made from the same origin, of the size they had."""
    try:
        found = json.loads((place / ORIGIN).read_text())
        files = found.pop("files")
        return found == origin and all((place / name).stat().length == size for name, size in files.items())
    except (OSError, ValueError, KeyError, AttributeError):
        return False


def _write(place: epath.Path, arrays: Mapping[str, Any], *, fps: float) -> dict[str, int]:
    """Writes the three files of a video and returns their sizes in bytes."""
    place.mkdir(parents=True, exist_ok=True)
    (place / ORIGIN).unlink(missing_ok=True)
    context, futures = arrays["context"], arrays["futures"]
    pages, file = draw_pages(context, futures), io.BytesIO()
    np.savez_compressed(file, **arrays)
    contents = {
        "futures.mp4": encode_mp4(pages, fps=fps),
        "futures.gif": encode(pages, np.concatenate([context, *futures]), fps=fps),
        "futures.npz": file.getvalue(),
    }
    for name, content in contents.items():
        write_bytes(place / name, content)
    return {name: len(content) for name, content in contents.items()}


def run(config: ConfigDict, workdir: epath.PathLike) -> None:
    """Predicts what follows the videos that --input names, by the workdir's model or the one that --pretrained names.

    Raises:
        ValueError: If no input is named, or some of the videos cannot be predicted.
    """
    options, workdir = config.predictions, epath.Path(workdir)
    if not options.input:
        raise ValueError("--pretrained predicts what follows your own videos: name them, --input='clips/*.mp4'")
    recordings = given(options.input)
    atomic.require_writable(workdir)
    if options.pretrained:
        predictor = Predictor.from_pretrained(options.pretrained)
        weights = pretrained.describe(options.pretrained)["sha256"]
    else:
        predictor = Predictor(factory.load_predictor(config, workdir), config)
        tokenizer = factory.tokenizer_workdir(config, workdir)
        weights = [
            checkpoints.fingerprint(workdir, config.evaluation.checkpoint),
            checkpoints.fingerprint(tokenizer),
            config.sampling.to_dict(),
        ]
    data = predictor.config.data
    frames = options.frames or data.frames - data.context_frames
    request = SamplingRequest(frames, options.samples, options.seed)
    write_futures(predictor, recordings, request, workdir / FOLDER, weights=weights)
