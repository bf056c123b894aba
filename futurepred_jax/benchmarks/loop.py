"""What a training costs beside its steps: python -m futurepred_jax.benchmarks.loop --config=tokenizer:tiny

Prints three things, for any config and with any override; a predictor says where its tokenizer was trained with
``--config.tokenizer.workdir=…``, and its first guess with ``--config.outlook.workdir=…``.

1. What the loop takes beyond its jitted step, reading and logging included, validation and checkpoints not: CPU seconds
   of the loop over those of the bare step on the same batches, which take turns in one process, the least of each.
2. The share of the steps' time without a batch to train on, the least of the same turns.
3. Seconds from the start of a process to its first step, where it resumes with a warm compilation cache.
"""

import dataclasses
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import jax
import numpy as np
from absl import app
from ml_collections import ConfigDict

from futurepred_jax import factory, train
from futurepred_jax.training import compilation, inputs
from futurepred_jax.training.job import Job
from futurepred_jax.training.ledger import Ledger
from futurepred_jax.training.program import make_program
from futurepred_jax.training.writers import METRICS

STEPS, EVERY, TURNS = 40, 20, 2


class Cost(NamedTuple):
    """Of the steps after the first: processor seconds in the loop and alone, and the share without a batch."""

    loop: float
    bare: float
    waited: float


class Clock(Ledger):
    """A ledger that also counts processor seconds between the first step's end and the last one's."""

    spent = 0.0

    def start(self, step: int) -> None:  # noqa: D102
        super().start(step)
        self._start = time.process_time()

    def pause(self, step: int) -> None:  # noqa: D102
        super().pause(step)
        self.spent = time.process_time() - self._start


def cost(job: Job, folder: str, *, turns: int = TURNS) -> Cost:
    """The least of some turns of a job, each in a workdir of its own in an empty folder; steps alone are counted."""
    compilation.enable_compilation_cache()
    bare, found = _bare(job), []
    for turn in range(turns):
        clock = _looped(job, f"{folder}/{turn}")
        found.append((clock.spent, next(bare), clock.account()["input_wait"]))
    return Cost(*np.min(found, axis=0).tolist())


def _looped(job: Job, workdir: str) -> Clock:
    """Of a whole training."""
    clocks: list[Clock] = []

    def make(*args: Any, **named: Any) -> Clock:
        clocks.append(Clock(*args, **named))
        return clocks[0]

    with mock.patch.object(train, "Ledger", make):
        train.fit(job, workdir)
    return clocks[0]


def _bare(job: Job) -> Iterator[float]:
    """Processor seconds of the steps after the first without the loop, again and again."""
    program = make_program(job)
    with inputs.training_batches(job, program.batch, start=0) as batches:
        kept = [next(batches) for _ in range(job.steps)]
    while True:
        state, _ = jax.block_until_ready(program.step(program.init(), kept[0]))
        began = time.process_time()
        for batch in kept[1:]:
            state, _ = program.step(state, batch)
        jax.block_until_ready(state)
        yield time.process_time() - began


def restart(words: Sequence[str], folder: str) -> tuple[float, float]:
    """Seconds and CPU-seconds from the start of a process, which resumes the training in a folder, to its first step.

    The CPU-seconds are those to its end: saving is counted too.
    """
    line = [sys.executable, "-m", "futurepred_jax.main", *words, "--mode=train", f"--workdir={folder}"]
    line.append("--config.logging.log_every=1")
    _first_step(line, Path(folder))  # fills the cache, and saves when it is told to stop
    return _first_step(line, Path(folder))


def _first_step(line: Sequence[str], folder: Path) -> tuple[float, float]:
    """Until a process has written a line of its own; then it is stopped."""
    lines = lambda: sum(path.read_bytes().count(b"\n") for path in folder.glob(METRICS))  # noqa: E731
    spent = lambda: sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])  # noqa: E731
    before, spent_before, began = lines(), spent(), time.perf_counter()
    with subprocess.Popen(line) as training:
        while lines() <= before:
            if training.poll() is not None:
                raise RuntimeError(f"the training ended with exit code {training.returncode} before its first step")
            time.sleep(0.05)
        seconds = time.perf_counter() - began
        training.terminate()
    return seconds, spent() - spent_before


def report(config: ConfigDict) -> None:
    """Prints the three."""
    with tempfile.TemporaryDirectory() as folder:
        job = factory.make_job(config, f"{folder}/job")
        periods = {"log_every": EVERY, "validate_every": STEPS, "checkpoint_every": STEPS, "val_batches": 1}
        found = cost(dataclasses.replace(job, steps=STEPS, **periods), folder)
        print(f"{config.name}:{config.preset}, {STEPS - 1} steps of {config.train.batch_size} clips, {TURNS} turns")
        print(f"CPU-seconds a step: {found.loop / (STEPS - 1):.4f} in the loop, {found.bare / (STEPS - 1):.4f} alone")
        print(f"overhead {found.loop / found.bare - 1:.2%}; {found.waited:.2%} of the time waiting for input")
        seconds, spent = restart(sys.argv[1:], f"{folder}/restart")
        print(f"restart to the first step: {seconds:.1f} s; {spent:.1f} CPU-seconds, saving included")


def main() -> None:
    """Reads the command line."""
    from futurepred_jax import config_flag  # loading it defines the flag

    app.run(lambda _: report(config_flag.CONFIG.value), flags_parser=config_flag.parse)


if __name__ == "__main__":
    main()
