"""Tokens that a drafted pass of a trained predictor yields, by clutter level.

python -m futurepred_jax.benchmarks.speculation WORKDIR [--clips=32] [--run=8]

WORKDIR is that of a predictor, or the name of a packed model, such as baseline-tiny. Clips of test_iid are drawn anew
at each level, and their futures drawn one by one, as a user waits for one: by the config's own rule, greedily, and as
samples. Each is drawn a second time without drafts: ``same`` is the share of tokens that agree, which rounding in
matrices of another size alone keeps below 1. A run of n positions yields n tokens at the most.
"""

import argparse
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import UInt8
from ml_collections import ConfigDict
from tqdm import tqdm

from futurepred_jax import factory, pretrained
from futurepred_jax.data.splits import CLUTTER_LEVELS
from futurepred_jax.interface import Predictor

SPLIT = "test_iid"
RULES: dict[str, float | None] = {"config's rule": None, "greedy": 0.0, "samples": 1.0}
"""Temperatures by their label; None is the sampling of the config."""


def load(name: str) -> Predictor:
    """Loads the predictor of a workdir, or a packed one by its name."""
    known = name in pretrained.names()
    return (Predictor.from_pretrained if known else Predictor.from_workdir)(name)


class Row(NamedTuple):
    """Mean number of tokens per pass, and the share of tokens equal to those of sequential decoding."""

    per_pass: float
    same: float


def measure(
    predictor: Predictor, contexts: UInt8[np.ndarray, "n t h w c"], *, temperature: float | None, run: int
) -> Row:
    """Measures the futures of contexts, each decoded alone."""
    frames = predictor.config.data.frames - predictor.config.data.context_frames
    asked = {"num_frames": frames, "temperature": temperature, "key": jax.random.key(0)}
    pairs = [[predictor(clip[None], draft=draft, **asked) for draft in (run, 0)] for clip in contexts]
    tokens = sum(fast.tokens[..., 0].size for fast, _ in pairs)
    passes = sum(int(fast.passes.sum()) for fast, _ in pairs)
    return Row(tokens / passes, float(np.mean([(fast.tokens == slow.tokens).all(-1).mean() for fast, slow in pairs])))


def contexts_at(config: ConfigDict, level: str, clips: int) -> UInt8[np.ndarray, "n t h w c"]:
    """Returns contexts of clips like the model's training clips, with another level of clutter."""
    config = config.copy_and_resolve_references()
    config.data.level = level
    return factory.sample_clips(config, SPLIT, clips)["noisy"][:, : config.data.context_frames]


def main() -> None:
    """Prints one line per level of clutter."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workdir")
    parser.add_argument("--clips", type=int, default=32)
    parser.add_argument("--run", type=int, default=8, help="positions of a pass")
    asked = parser.parse_args()
    predictor = load(asked.workdir)
    rows = {}
    for level in tqdm(CLUTTER_LEVELS, unit="level"):
        contexts = contexts_at(predictor.config, level, asked.clips)
        found = [measure(predictor, contexts, temperature=each, run=asked.run) for each in RULES.values()]
        rows[level] = [f"{row.per_pass:.2f} ({row.same:.1%})" for row in found]
    print(f"tokens a pass of {asked.run} positions (same), {asked.clips} clips of {SPLIT} a level, {asked.workdir}")
    print(f"{'':10}" + "".join(f"{name:>16}" for name in RULES))
    for level, cells in rows.items():
        print(f"{level:10}" + "".join(f"{cell:>16}" for cell in cells))


if __name__ == "__main__":
    main()
