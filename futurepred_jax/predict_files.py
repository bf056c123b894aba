"""Predicts what follows a user's own videos: for each a film to look at, as MP4 and GIF, and arrays to compute with."""

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
from futurepred_jax.reporting.files import write_bytes
from futurepred_jax.reporting.futures import draw_pages, encode_mp4
from futurepred_jax.reporting.gif import encode
from futurepred_jax.training import atomic, checkpoints

FOLDER = "videos"
LEFT_TO_THE_COMMAND_LINE = ("predictions",)  # by a packed model's own config
ORIGIN = "origin.json"  # written last: what a video's futures were made from


@dataclasses.dataclass(frozen=True)
class Asked:
    """How many futures of how many frames, and the seed of their draws."""

    frames: int
    samples: int = 1
    seed: int = 0


def write_futures(
    predictor: Predictor,
    recordings: Sequence[Recording],
    asked: Asked,
    folder: epath.PathLike,
    *,
    weights: Any = None,
) -> None:
    """Predicts what follows the last frames of each recording, into ``folder/NAME/``.

    ``futures.mp4`` and ``futures.gif`` show the context and at most eight futures side by side; ``futures.npz`` holds
    uint8 ``context`` [t h w 3] and ``futures`` [m n h w 3], ``tokens``, and ``log_likelihood`` in nats. A recording
    that was done before with the same weights, from the same content, is left as it is.

    Args:
        predictor: the model.
        recordings: each is brought to the model's size and frame rate.
        asked: lengths and numbers.
        folder: usually ``workdir/videos``.
        weights: what tells the model from others.

    Raises:
        ValueError: some cannot be read or are too short, named, when the others are done.
    """
    wrong, cut = {}, Cut(size=predictor.size, frames=predictor.context_frames, fps=predictor.fps)
    for recording in tqdm(recordings, desc="predicting", unit="video"):
        place = epath.Path(folder) / recording.name
        origin = json.dumps({"version": recording.version, "weights": weights, **dataclasses.asdict(asked)}, indent=1)
        if (place / ORIGIN).exists() and (place / ORIGIN).read_text() == origin:
            continue
        try:
            context = _context(recording, cut)
        except (ValueError, OSError) as error:
            wrong[recording.name] = str(error)
            continue
        _write(place, _predict(predictor, context, asked), fps=cut.fps)
        atomic.write_text(place / ORIGIN, origin)
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


def _predict(predictor: Predictor, context: np.ndarray, asked: Asked) -> dict[str, np.ndarray]:
    key = jax.random.key(asked.seed)
    drawn = predictor(context[None], num_frames=asked.frames, num_samples=asked.samples, key=key)
    return {
        "context": context,
        "futures": np.round(np.asarray(drawn.video[0]) * 255).astype(np.uint8),
        "tokens": np.asarray(drawn.tokens[0]),
        "log_likelihood": np.asarray(drawn.log_likelihood[0]),
    }


def _write(place: epath.Path, arrays: Mapping[str, Any], *, fps: float) -> None:
    place.mkdir(parents=True, exist_ok=True)
    (place / ORIGIN).unlink(missing_ok=True)
    context, futures = arrays["context"], arrays["futures"]
    pages, file = draw_pages(context, futures), io.BytesIO()
    np.savez_compressed(file, **arrays)
    write_bytes(place / "futures.mp4", encode_mp4(pages, fps=fps))
    write_bytes(place / "futures.gif", encode(pages, np.concatenate([context, *futures]), fps=fps))
    write_bytes(place / "futures.npz", file.getvalue())


def run(config: ConfigDict, workdir: epath.PathLike) -> None:
    """what follows a user's own videos: videos/NAME/futures.mp4, .gif and .npz"""
    asked, workdir = config.predictions, epath.Path(workdir)
    if not asked.input:
        raise ValueError("--pretrained predicts what follows your own videos: name them, --input='clips/*.mp4'")
    recordings = given(asked.input)
    atomic.require_writable(workdir)
    if asked.pretrained:
        predictor = Predictor.from_pretrained(asked.pretrained)
        weights = pretrained.describe(asked.pretrained)["sha256"]
    else:
        predictor = Predictor(factory.load_predictor(config, workdir), config)
        tokenizer = factory.tokenizer_workdir(config, workdir)
        weights = [
            checkpoints.fingerprint(workdir, config.evaluation.checkpoint),
            checkpoints.fingerprint(tokenizer),
            config.sampling.to_dict(),
        ]
    data = predictor.config.data
    frames = asked.frames or data.frames - data.context_frames
    write_futures(predictor, recordings, Asked(frames, asked.samples, asked.seed), workdir / FOLDER, weights=weights)
    print(f"wrote {len(recordings)} futures.mp4, .gif and .npz below {workdir / FOLDER}")
