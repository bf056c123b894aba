"""The training loop: trains a ``Job`` in a workdir, and continues after any interruption."""

import collections
import contextlib
import dataclasses
import signal
import time

import jax
import tqdm
from absl import logging
from etils import epath
from ml_collections import ConfigDict

from futurepred_jax import factory
from futurepred_jax.training import (
    atomic,
    checkpoints,
    compilation,
    distributed,
    identity,
    inputs,
    summary,
    throughput,
    validation,
)
from futurepred_jax.training.checkpoints import Progress, Saver
from futurepred_jax.training.interrupt import Interrupt
from futurepred_jax.training.job import Job
from futurepred_jax.training.lease import Lease, require_free
from futurepred_jax.training.ledger import Ledger
from futurepred_jax.training.profiling import Profiler
from futurepred_jax.training.program import Program, make_program
from futurepred_jax.training.state import TrainState
from futurepred_jax.training.step import all_finite
from futurepred_jax.training.window import MetricWindow
from futurepred_jax.training.writers import TENSORBOARD, Writer

RUN_AHEAD = 2  # steps dispatched beyond the running one: the device never waits, and signals are handled soon

STAGES = {"evaluate": "evaluation.json", "predict": "predictions/index.json", "report": "report/index.html"}
"""The modes that follow training, each with the file that it writes last."""


def run(config: ConfigDict, workdir: epath.PathLike) -> None:
    """Trains the model of a config in its workdir, from the newest checkpoint on."""
    workdir = epath.Path(workdir)
    require_free(workdir)  # before anything in it changes
    with distributed.process_zero_first("claim"):
        identity.claim(workdir, config.to_dict())
    fit(factory.make_job(config, workdir), workdir)


def fit(job: Job, workdir: epath.PathLike) -> TrainState:
    """Trains ``job`` to its last step, continuing from the newest undamaged checkpoint in ``workdir``.

    A resumed run ends with the same bits as an uninterrupted one, where the backend adds in a fixed order; GPUs do so
    with ``XLA_FLAGS=--xla_gpu_deterministic_ops=true``. After SIGTERM or Ctrl-C the state is saved and ``SystemExit``
    is raised.

    Args:
        job: The training.
        workdir: Folder of checkpoints, logs and the summary.

    Returns:
        The final state. If the training had already ended, it is restored, and nothing is written.

    Raises:
        ValueError: If the workdir cannot be written, its checkpoints are all damaged or belong to another model, or
            the mesh does not fit the devices or the batch. This is checked before any step.
        FloatingPointError: If the loss, the gradient or the parameters are no longer finite. Nothing is saved then.
        SystemExit: After a signal, with a shell's exit code for it: 143 for SIGTERM, 130 for Ctrl-C.
    """
    began, workdir = time.time(), epath.Path(workdir)
    compilation.enable_compilation_cache()
    compilation.seconds()  # counts from here
    program = make_program(job)
    if (finished := _finished(job, program, workdir)) is not None:
        return finished
    atomic.require_writable(workdir)
    with contextlib.ExitStack() as stack:
        stack.enter_context(Lease(workdir))
        checkpoint = checkpoints.agreed(workdir)
        progress = Progress() if checkpoint is None else checkpoints.read_progress(checkpoint)
        if progress.step < job.steps:
            _remove_outdated(workdir)
        writer = Writer(workdir, start=progress.step)
        interrupt = stack.enter_context(Interrupt())
        batches = stack.enter_context(inputs.training_batches(job, program.batch, start=progress.step))
        state = program.init() if checkpoint is None else checkpoints.restore(checkpoint, program.abstract)
        stack.enter_context(writer)
        saver = stack.enter_context(Saver(workdir, start=progress.step))
        profiler = stack.enter_context(Profiler(job.profile, workdir / TENSORBOARD))
        peak = throughput.peak_flops_per_second(program.mesh)
        ledger = Ledger(job, progress, began=began, waited=lambda: batches.waited, peak=peak)
        training = _Training(job, program, progress, ledger, writer, saver, interrupt, profiler)
        state = training.run(state, batches)
    if training.progress.step >= job.steps and jax.process_index() == 0:
        summary.write_summary(workdir, job, program.abstract.params, training.progress, ledger.account())
    if training.stopped:
        if jax.process_index() == 0:
            print(f"stopped after step {training.progress.step} of {job.steps} and saved: the same command goes on")
        raise SystemExit(128 + training.stopped)
    return state


def _remove_outdated(workdir: epath.Path) -> None:
    """Removes what the modes that follow training made of a model that is trained further now."""
    if jax.process_index() == 0:
        for file in STAGES.values():
            (workdir / file).unlink(missing_ok=True)


def _finished(job: Job, program: Program, workdir: epath.Path) -> TrainState | None:
    """Returns the final state if the training in ``workdir`` has ended."""
    if not summary.is_written(workdir):
        return None
    checkpoint = checkpoints.agreed(workdir)
    if checkpoint is None or checkpoints.read_progress(checkpoint).step < job.steps:
        return None
    return checkpoints.restore(checkpoint, program.abstract)


@dataclasses.dataclass
class _Training:
    """The loop over steps, with logging, validation and checkpoints.

    Attributes:
        progress: How far the training was when it was last saved.
        stopped: Number of the signal that stopped the loop, or 0.
    """

    job: Job
    program: Program
    progress: Progress
    ledger: Ledger
    writer: Writer
    saver: Saver
    interrupt: Interrupt
    profiler: Profiler
    stopped: int = 0

    def __post_init__(self) -> None:
        self._window = MetricWindow(self.progress.window)
        self._score: float | None = None
        self._bar = tqdm.tqdm(
            desc=f"{self.job.model}, compiling",  # until the first step has ended
            total=self.job.steps,
            initial=self.progress.step,
            unit="step",
            dynamic_ncols=True,
            mininterval=0.5,
            disable=jax.process_index() != 0,
        )

    def run(self, state: TrainState, batches: inputs.Prefetch) -> TrainState:
        """Runs steps to the last one or a signal; the clock starts after the first step, which compiles."""
        if jax.process_index() == 0:
            print(summary.format_table(summary.parameter_table(state.params)))
        first = self.progress.step + 1
        in_flight = collections.deque()
        with self._bar:
            for step in range(first, self.job.steps + 1):
                with self.profiler.step(step):
                    state, metrics = self.program.step(state, next(batches))
                self.profiler.after(step, metrics)
                self._window.add(metrics, step)
                self._bar.update()
                in_flight.append(metrics["loss"])
                if step == first or len(in_flight) > RUN_AHEAD:
                    in_flight.popleft().block_until_ready()
                if step == first:
                    self._bar.set_description(self.job.model)
                    self.ledger.start(step)
                self.stopped = self.interrupt.asked or (signal.SIGTERM if self.saver.preempted(step) else 0)
                if self.stopped or any(self._due(step, period) for period in self._periods):
                    self._pause(state, step)
                if self.stopped:
                    break
        self.stopped = self.stopped or self.interrupt.asked  # in the last pause, too
        return state

    @property
    def _periods(self) -> tuple[int, int, int]:
        return self.job.log_every, self.job.validate_every, self.job.checkpoint_every

    def _due(self, step: int, every: int) -> bool:
        return step % every == 0 or step == self.job.steps

    def _pause(self, state: TrainState, step: int) -> None:
        """Waits for the device, then logs, validates and saves what is due, with the training clock stopped.

        The order makes sure that the log has all lines up to a checkpoint's step before the checkpoint exists.
        """
        self._window.require_sound(skip=self.job.on_nan == "skip")
        self.ledger.pause(step)
        self._score = None
        if self._due(step, self.job.log_every):
            self._log(step)
        if self._due(step, self.job.validate_every):
            self._validate(state, step)
        if self.stopped or self._due(step, self.job.checkpoint_every):
            self._save(state, step)
        self.ledger.resume(step)

    def _log(self, step: int) -> None:
        account, means = self.ledger.lap(), self._window.means()
        skipped, first = self._window.skipped()
        if skipped:
            logging.warning("%d steps were skipped up to %d, not finite or exploded, as step %d", skipped, step, first)
            account["skipped_steps"] = float(skipped)
        self.writer.write(step, "train", {**means, **account})
        self._bar.set_postfix(loss=f"{means['loss']:.4g}", mfu=f"{account.get('mfu', float('nan')):.1%}")
        self._window = MetricWindow()

    def _validate(self, state: TrainState, step: int) -> None:
        scores = validation.held_out_means(self.job, self.program, state)
        self.writer.write(step, "val", scores)
        self._score = None if self.job.best is None else scores[self.job.best]

    def _save(self, state: TrainState, step: int) -> None:
        if not jax.jit(all_finite)(state.model_state):
            raise FloatingPointError(
                f"what the model keeps beside its parameters, such as statistics and codebooks, is not finite at step "
                f"{step}. Nothing was saved, and the last good checkpoint is kept. Lower the learning rate or lengthen "
                "warm-up, then repeat the command to continue from it"
            )
        self.progress = self.ledger.progress(step, window=self._window.saved(), score=self._score)
        self.saver.save(state, self.progress)
