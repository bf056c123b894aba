"""Scores a trained tokenizer's reconstructions of real videos.

python -m futurepred_jax.benchmarks.reconstruction WORKDIR --source=files:FOLDER [--lpips=alex]

WORKDIR is that of a tokenizer, or the name of a packed model, such as baseline-tiny. Each video is brought to the size
and rate that it was trained on and cut into its clips; the row `mean frame` draws each clip as the mean of its frames,
which is what stands still of it. --lpips needs the extra `metrics`, video files need `video`.
"""

import argparse
from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, UInt8

from futurepred_jax import factory, pretrained
from futurepred_jax.data.recorded import Cut, files
from futurepred_jax.factory.networks import DISTANCES
from futurepred_jax.interface import Predictor, Tokenizer
from futurepred_jax.metrics.image import image_scores, psnr
from futurepred_jax.metrics.tokens import CodebookUse, code_counts, codebook_use
from futurepred_jax.pixels import to_unit
from futurepred_jax.training import identity

BATCH = 8  # clips at once

Unit = Float[np.ndarray, "b t h w c"]
Distance = Callable[[Unit, Unit], float]


class Row(NamedTuple):
    """Scores averaged over clips; ``lpips`` is None if it was not requested."""

    psnr: float
    ssim: float
    lpips: float | None


def trained(place: str) -> tuple[Tokenizer, Cut]:
    """Returns the tokenizer of a workdir or of a packed model, and the clip format that it was trained on."""
    if place in pretrained.names():
        predictor = Predictor.from_pretrained(place)
        tokenizer, data = predictor.tokenizer, predictor.config.data
    else:
        tokenizer = Tokenizer.from_workdir(place)
        data = factory.restored_config(identity.read_config(place)).data
    return tokenizer, Cut(size=data.size, frames=data.frames, fps=data.fps)


def clips_of(source: str, cut: Cut) -> UInt8[np.ndarray, "n t h w c"]:
    """Returns all clips of the videos of a source.

    Raises:
        ValueError: If the source is not files:…, or all videos are shorter than a clip.
    """
    kind, _, place = source.partition(":")
    if kind != "files":
        raise ValueError(f"--source={source}: real videos are files:FOLDER or files:'PATTERN'")
    videos = [recording.read(cut) for recording in files.recordings(place)]
    found = [
        video[first : first + cut.frames]
        for video in videos
        for first in range(0, len(video) - cut.frames + 1, cut.frames)
    ]
    if not found:
        raise ValueError(f"{source}: no video has the {cut.frames} frames of a clip at {cut.fps:g} a second")
    return np.stack(found)


def score(drawn: Unit, true: Unit, distance: Distance | None) -> Row:
    """Scores the reconstruction of clips."""
    parts = [image_scores(drawn[i : i + BATCH], true[i : i + BATCH]) for i in range(0, len(true), BATCH)]
    mse = np.concatenate([part.mse for part in parts])
    similarity = np.concatenate([part.ssim for part in parts])
    return Row(float(psnr(mse.mean(axis=1)).mean()), float(similarity.mean()), distance and distance(drawn, true))


def compare(
    tokenizer: Tokenizer, clips: UInt8[np.ndarray, "n t h w c"], distance: Distance | None
) -> tuple[dict[str, Row], CodebookUse]:
    """Returns the scores of the tokenizer and of each clip's mean frame, and the use of the codebook."""
    tokens = np.concatenate([tokenizer.encode(clips[i : i + BATCH]) for i in range(0, len(clips), BATCH)])
    drawn = np.concatenate([tokenizer.decode(tokens[i : i + BATCH]) for i in range(0, len(clips), BATCH)])
    true = to_unit(clips)
    mean = np.broadcast_to(true.mean(axis=1, keepdims=True), true.shape)
    rows = {"tokenizer": score(drawn, true, distance), "mean frame": score(mean, true, distance)}
    return rows, codebook_use(code_counts(tokens, tokenizer.sizes), tokenizer.sizes)


def lpips(network: str) -> Distance:
    """Returns a function for the mean LPIPS of frames; raises a ValueError if the weights are not installed."""
    of_frames = DISTANCES[f"lpips_{network}"]()

    def distance(drawn: Unit, true: Unit) -> float:
        pairs = zip(drawn, true, strict=True)
        return float(np.mean([of_frames(jnp.asarray(one), jnp.asarray(other)) for one, other in pairs]))

    return distance


def table(rows: dict[str, Row], use: CodebookUse) -> str:
    """Formats the rows as text."""
    lines = [f"{'':10} {'PSNR dB':>8} {'SSIM':>6} {'LPIPS':>6}"]
    for name, row in rows.items():
        looks = "-" if row.lpips is None else f"{row.lpips:.3f}"
        lines.append(f"{name:10} {row.psnr:8.2f} {row.ssim:6.3f} {looks:>6}")
    lines.append(f"codes used {use.usage:.0%} of {len(use.sizes)} × {max(use.sizes)}, perplexity {use.perplexity:.1f}")
    return "\n".join(lines)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workdir")
    parser.add_argument("--source", required=True)
    parser.add_argument("--lpips", choices=("alex", "vgg"))
    asked = parser.parse_args()
    tokenizer, cut = trained(asked.workdir)
    clips = clips_of(asked.source, cut)
    print(f"{len(clips)} clips of {cut.frames} × {cut.size}² pixels at {cut.fps:g} frames a second, {asked.source}")
    print(table(*compare(tokenizer, clips, lpips(asked.lpips) if asked.lpips else None)))


if __name__ == "__main__":
    main()
