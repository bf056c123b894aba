"""Clips a second that one core makes or reads: python -m futurepred_jax.benchmarks.data

CPU seconds of all threads, so that what else the machine does hardly counts; every row is the best of
five rounds. Clips are of 17 frames of 64 × 64 pixels with six targets, moderate clutter, shadows and noise.
"""

import argparse
import tempfile
import time
from collections.abc import Callable

import numpy as np

from futurepred_jax.data.blueprints import Blueprints
from futurepred_jax.data.clips import EVALUATION_FIELDS, make_clip, noisy
from futurepred_jax.data.labels import FIELDS
from futurepred_jax.data.render import render
from futurepred_jax.data.scene_generation import make_cast, make_scene
from futurepred_jax.data.spec import ClutterSpec
from futurepred_jax.data.store import materialize

SPEC = ClutterSpec(size=64, frames=17, objects=(6, 6), level="moderate")
SPLIT = "train"
CLIPS = 32
ROUNDS = 5


def rates(spec: ClutterSpec = SPEC, clips: int = CLIPS, rounds: int = ROUNDS) -> dict[str, float]:
    """Clips a CPU-second of each step, by what it does.

    Args:
        spec: of the clips.
        clips: a round.
        rounds: the best counts.
    """
    drawn = [make_clip(spec, SPLIT, index) for index in range(clips)]
    blueprints = Blueprints(spec, SPLIT, clips)
    with tempfile.TemporaryDirectory() as folder:
        stored = materialize(spec, SPLIT, clips, folder, workers=0, progress=False)
        quiet = materialize(spec, SPLIT, clips, f"{folder}/video", workers=0, fields=("video",), progress=False)
        steps: dict[str, Callable[[int], object]] = {
            "who is in it": lambda i: make_cast(spec, SPLIT, i),
            "labels without pictures": lambda i: make_scene(spec, SPLIT, i),
            "the same, for a device to draw": lambda i: blueprints.batch(np.array([i])),
            "pictures and masks": lambda i: _draw(spec, i),
            "with evaluation's labels": lambda i: make_clip(spec, SPLIT, i, EVALUATION_FIELDS),
            "with all labels": lambda i: make_clip(spec, SPLIT, i, FIELDS),
            "with all labels and noise": lambda i: noisy(spec, SPLIT, make_clip(spec, SPLIT, i, FIELDS)),
            "noise alone": lambda i: noisy(spec, SPLIT, drawn[i]),
            "read back, video alone": lambda i: quiet.batch(np.array([i])),
            "read back, all fields, with noise": lambda i: stored.batch(np.array([i])),
        }
        return {name: _rate(step, clips, rounds) for name, step in steps.items()}


def _draw(spec: ClutterSpec, index: int) -> None:
    render(make_scene(spec, SPLIT, index), size=spec.size, samples=spec.samples)


def _rate(step: Callable[[int], object], clips: int, rounds: int) -> float:
    step(0)  # compiles
    best = np.inf
    for _ in range(rounds):
        began = time.process_time()
        for index in range(clips):
            step(index)
        best = min(best, time.process_time() - began)
    return clips / max(best, 1e-9)


def main() -> None:
    """Prints the table."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    print("step                               clips / CPU-second")
    for name, rate in rates().items():
        print(f"{name:<34} {rate:>18,.1f}")


if __name__ == "__main__":
    main()
