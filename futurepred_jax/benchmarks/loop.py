"""What a training costs beside its steps: python -m futurepred_jax.benchmarks.loop --config=tokenizer:tiny

Prints three things, for any config and with any override; a predictor says where its tokenizer was trained with
``--config.tokenizer.workdir=…``, and its first guess with ``--config.outlook.workdir=…``.

1. What the loop takes beyond its jitted step, reading and logging included, validation and checkpoints not: CPU seconds
   of the threads that no step runs in, and what the main thread takes more than for the bare step on the same batches,
   over all CPU seconds of the bare step. Both take turns in one process, the least of each. Linux tells of threads.
2. The share of the steps' time without a batch to train on, the least of the same turns.
3. Seconds from the start of a process to its first step, where it resumes with a warm compilation cache.
"""

import contextlib
import dataclasses
import resource
import subprocess
import sys
import tempfile
import threading
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
from futurepred_jax.allocator import keep_memory
from futurepred_jax.data import pipeline
from futurepred_jax.training import compilation, inputs
from futurepred_jax.training.job import Job
from futurepred_jax.training.ledger import Ledger
from futurepred_jax.training.program import make_program
from futurepred_jax.training.writers import METRICS

STEPS, EVERY, TURNS = 40, 20, 2
THREADS = Path("/proc/self/task")


class Cost(NamedTuple):
    """Of the steps after the first: processor seconds of what only the loop does, of the main thread, and of the steps.

    Attributes:
        reading: of the threads that no step runs in.
        main: of the main thread.
        main_alone: of the main thread when steps run alone.
        alone: of all threads then.
        waited: the share of the loop's time without a batch.
    """

    reading: float
    main: float
    main_alone: float
    alone: float
    waited: float

    @property
    def overhead(self) -> float:
        """What the loop takes beyond its steps, over what they take alone."""
        return (self.reading + self.main - self.main_alone) / self.alone


class Clock(Ledger):
    """A ledger that also counts processor seconds between the first step's end and the last one's, by thread."""

    def start(self, step: int) -> None:  # noqa: D102
        super().start(step)
        self._start = _by_thread()

    def pause(self, step: int) -> None:  # noqa: D102
        super().pause(step)
        self.spent = _since(self._start)


def cost(job: Job, folder: str, *, turns: int = TURNS) -> Cost:
    """The least of some turns of a job, each in a workdir of its own in an empty folder; steps alone are counted."""
    compilation.enable_compilation_cache()
    bare, found, main = _bare(job), [], threading.get_native_id()
    stepping = {thread for thread, seconds in next(bare).items() if seconds > 0}  # before any that reads has begun
    for turn in range(turns):
        clock, alone = _looped(job, f"{folder}/{turn}"), next(bare)
        reading = sum(seconds for thread, seconds in clock.spent.items() if thread not in stepping)
        waited = clock.account()["input_wait"]
        found.append((reading, clock.spent[main], alone[main], sum(alone.values()), waited))
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


def _bare(job: Job) -> Iterator[dict[int, float]]:
    """Processor seconds of the steps after the first without the loop, by thread, again and again."""
    program = make_program(job)
    place = inputs.placer(job.batch_keys, program.batch)
    which = [
        pipeline.examples(len(job.train_source), number=number, batch_size=job.batch_size, seed=job.seed)
        for number in range(job.steps)
    ]
    kept = [place(job.train_source.batch(examples)) for examples in which]
    while True:
        state, _ = jax.block_until_ready(program.step(program.init(), kept[0]))
        began = _by_thread()
        for batch in kept[1:]:
            state, _ = program.step(state, batch)
        jax.block_until_ready(state)
        yield _since(began)


def _by_thread() -> dict[int, float]:
    """Processor seconds of each thread of this process."""
    found = {}
    for thread in THREADS.iterdir():
        with contextlib.suppress(FileNotFoundError):  # it has ended
            found[int(thread.name)] = int((thread / "schedstat").read_text().split()[0]) / 1e9
    return found


def _since(start: dict[int, float]) -> dict[int, float]:
    return {thread: seconds - start.get(thread, 0.0) for thread, seconds in _by_thread().items()}


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
        reading, main, main_alone, alone = (1e3 * seconds / (STEPS - 1) for seconds in found[:4])
        print(f"CPU-milliseconds a step: {alone:.1f} alone, {main_alone:.2f} of them in the main thread")
        print(f"the loop's: {reading:.2f} in other threads than the steps', {main:.2f} in the main thread")
        print(f"overhead {found.overhead:.2%}; {found.waited:.2%} of the time waiting for input")
        seconds, spent = restart(sys.argv[1:], f"{folder}/restart")
        print(f"restart to the first step: {seconds:.1f} s; {spent:.1f} CPU-seconds, saving included")


def main() -> None:
    """Reads the command line."""
    keep_memory()
    from futurepred_jax import config_flag  # loading it defines the flag

    app.run(lambda _: report(config_flag.CONFIG.value), flags_parser=config_flag.parse)


if __name__ == "__main__":
    main()
