"""Makes a step of a training again: its batch, its keys and its loss, to the last bit."""

import dataclasses
from typing import Any

import jax
import numpy as np
import tqdm
from etils import epath
from jaxtyping import Int, UInt
from ml_collections import ConfigDict

from futurepred_jax import factory
from futurepred_jax.data import pipeline
from futurepred_jax.training import checkpoints, compilation, identity, inputs
from futurepred_jax.training.checkpoints import Progress
from futurepred_jax.training.job import Job
from futurepred_jax.training.program import make_program
from futurepred_jax.training.window import MetricWindow
from futurepred_jax.training.writers import METRICS, read_metrics


@dataclasses.dataclass(frozen=True)
class Replay:
    """A step, made again from the state after step ``start``."""

    step: int
    start: int
    examples: Int[np.ndarray, "b"]  # of the training split, in the order of the batch
    key: UInt[np.ndarray, "n"]  # data of the step's own key
    metrics: dict[str, float]
    means: dict[str, float]  # over the steps that the log's line of this step covers
    logged: dict[str, Any] | None  # that line, if there is one

    def __str__(self) -> str:
        found = ", ".join(f"{name} {value!r}" for name, value in self.metrics.items())
        return (
            f"step {self.step}, from the state after step {self.start}\n"
            f"batch {self.step - 1}: examples {', '.join(map(str, self.examples))}\n"
            f"key {self.key}\n{found}\n{self._comparison()}"
        )

    def _comparison(self) -> str:
        if self.logged is None:
            return f"{METRICS} has no line of this step to compare with"
        ours, theirs = self.means["loss"], self.logged["loss"]
        verdict = "equal to the last bit" if ours == theirs else "NOT EQUAL"
        return f"mean loss since the line before: {ours!r}, in {METRICS} {theirs!r}: {verdict}"


def run(config: ConfigDict, workdir: epath.PathLike) -> None:
    """Recomputes the batch, the keys and the loss of the training step that --step names."""
    identity.require_same(workdir, config.to_dict())
    replayed = replay(factory.make_job(config, workdir), workdir, config.replay.step)
    if jax.process_index() == 0:
        print(replayed)


def replay(job: Job, workdir: epath.PathLike, step: int) -> Replay:
    """Train from the newest good checkpoint before ``step``, or from the beginning, to ``step``; nothing is written.

    Raises:
        ValueError: When the training has no such step.
        CheckpointError: When there are earlier checkpoints and all are damaged, or are of another model.
    """
    if not 1 <= step <= job.steps:
        raise ValueError(f"--step={step}: this training has the steps 1 to {job.steps}")
    compilation.enable_compilation_cache()
    program = make_program(job)
    checkpoint = checkpoints.agreed(workdir, before=step)
    progress = Progress() if checkpoint is None else checkpoints.read_progress(checkpoint)
    state = program.init() if checkpoint is None else checkpoints.restore(checkpoint, program.abstract)
    window, metrics = MetricWindow(progress.window), {}
    with inputs.training_batches(job, program.batch, start=progress.step) as batches:
        steps = range(progress.step + 1, step + 1)
        for number in tqdm.tqdm(steps, desc="replay", unit="step", disable=jax.process_index() != 0):
            state, metrics = program.step(state, next(batches))
            window.add(metrics, number)
            if number % job.log_every == 0 and number < step:
                window = MetricWindow()
    lines = read_metrics(epath.Path(workdir) / METRICS)
    return Replay(
        step=step,
        start=progress.step,
        examples=pipeline.examples(len(job.train_source), number=step - 1, batch_size=job.batch_size, seed=job.seed),
        key=np.asarray(jax.random.key_data(jax.random.fold_in(program.key, step - 1))),
        metrics={name: float(value) for name, value in metrics.items()},
        means=window.means(),
        logged=next((line for line in lines if line["split"] == "train" and line["step"] == step), None),
    )
