"""Tokenizers after as much training: ``taskset -c 0 python -m futurepred_jax.benchmarks.learning [SECONDS]``.

The two of ``benchmarks.tokenizer`` train on the same clutter videos of 17 × 64² pixels, two at a time in the same
order, with AdamW at the same rate, for as many CPU seconds of one thread (600); compiling is not counted. Prints the
PSNR of held-out clips, drawn from their tokens, as training goes on, beside the mean frame of each clip. Ours learns
without quantization for its first fifth, as its presets do. Needs the extra ``bench``.
"""

import os

os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_cpu_multi_thread_eigen=false"
os.environ["JAX_PLATFORMS"] = "cpu"

import argparse
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, UInt8

from futurepred_jax.allocator import keep_memory
from futurepred_jax.benchmarks.tokenizer import BATCH, FRAMES, SIDE, Bytes, base
from futurepred_jax.configs import tokenizer
from futurepred_jax.factory import sample_clips
from futurepred_jax.factory.jobs import CPU_OPTIONS
from futurepred_jax.metrics.image import psnr
from futurepred_jax.models.magvit import MagVit
from futurepred_jax.objectives.tokenizer import TokenizerObjective
from futurepred_jax.pixels import to_signed, to_unit
from futurepred_jax.training.optimizers import adamw
from futurepred_jax.training.state import initial_state
from futurepred_jax.training.step import make_train_step

RATE, SECONDS = 3e-4, 600.0
TRAINED, HELD_OUT, MARKS = 256, 16, 6

Unit = Float[np.ndarray, "b t h w 3"]


class Learner(NamedTuple):
    """A tokenizer that learns from batches; ``progress`` is the share of its time that it has had."""

    step: Callable[[Bytes, float], None]
    draw: Callable[[Bytes], Unit]  # to tokens and back


class Mark(NamedTuple):
    """Where a learner stands."""

    seconds: float
    clips: int
    psnr: float


def ours(model: MagVit) -> Learner:
    """A MagVit, its step compiled as a training compiles it, once for either of its two phases."""
    objectives = [TokenizerObjective(model, (FRAMES, SIDE, SIDE), warm_steps=warm) for warm in (1 << 30, 0)]
    optimizer = adamw(learning_rate=RATE, warmup_steps=20, steps=1 << 30)  # the rate stays at its peak
    compiled = {"donate_argnums": 0, "compiler_options": CPU_OPTIONS["cpu"]}
    state = jax.jit(lambda key: initial_state(objectives[0].init, optimizer, key, ema=False))(jax.random.key(0))
    blank = dict.fromkeys(("video", "noisy"), np.zeros((BATCH, FRAMES, SIDE, SIDE, 3), np.uint8))
    steps = [
        jax.jit(make_train_step(each.loss, optimizer, ema_decay=0.0), **compiled)
        .lower(state, blank, jax.random.key(1))
        .compile()
        for each in objectives
    ]
    drawn = jax.jit(
        lambda variables, video: model.apply(variables, model.apply(variables, video, method="encode"), method="decode")
    )

    def step(clips: Bytes, progress: float) -> None:
        nonlocal state
        batch = {"video": clips, "noisy": clips}
        state, _ = jax.block_until_ready(steps[progress >= 0.2](state, batch, jax.random.key(1)))

    def draw(clips: Bytes) -> Unit:
        video = drawn({"params": state.params, **state.model_state}, to_signed(jnp.asarray(clips)))
        return np.clip(to_unit(np.asarray(video)), 0, 1)

    return Learner(step, draw)


def learn(
    learner: Learner, clips: UInt8[np.ndarray, "n t h w 3"], held_out: Bytes, *, seconds: float, marks: int = MARKS
) -> Iterator[Mark]:
    """Trains for a time, and looks at the held-out clips as often as asked, the last time at its end."""
    rng, spent, steps = np.random.default_rng(0), 0.0, 0
    for mark in range(1, marks + 1):
        while spent < seconds * mark / marks:
            batch = clips[rng.integers(0, len(clips), BATCH)]
            began = time.process_time()
            learner.step(batch, spent / seconds)
            spent, steps = spent + time.process_time() - began, steps + 1
        yield Mark(spent, steps * BATCH, mean_psnr(learner.draw(held_out), held_out))


def mean_psnr(drawn: Unit, clips: Bytes) -> float:
    """PSNR of each clip's error, mean over clips."""
    return float(psnr(np.square(drawn.astype(np.float64) - clips / 255).mean(axis=(1, 2, 3, 4))).mean())


def main() -> None:
    """Prints a line a mark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seconds", nargs="?", type=float, default=SECONDS, help="CPU seconds of training for each.")
    seconds = parser.parse_args().seconds
    keep_memory()
    from futurepred_jax.benchmarks.magvit2 import learner as peer

    config = tokenizer.get_config("base")
    config.data.update(size=64, frames=17, context_frames=9)
    clips, held_out = (
        sample_clips(config, split, count)["video"] for split, count in (("train", TRAINED), ("test_iid", HELD_OUT))
    )
    still = np.broadcast_to(held_out.mean(axis=1, keepdims=True) / 255, held_out.shape)
    print(f"{HELD_OUT} held-out clips: mean frame of each {mean_psnr(still, held_out):.2f} dB")
    for name, learner in {"futurepred_jax": ours(base()), "magvit2-pytorch": peer(RATE)}.items():
        for mark in learn(learner, clips, held_out, seconds=seconds):
            print(f"{name:16} {mark.seconds:6.0f} CPU-s {mark.clips:6} clips trained: {mark.psnr:.2f} dB", flush=True)


if __name__ == "__main__":
    main()
