"""The only training loop: a ``Job`` and a workdir in, trained state out, whatever interrupts it in between."""

import collections
import contextlib
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
from futurepred_jax.training.window import Window
from futurepred_jax.training.writers import TENSORBOARD, Writer

RUN_AHEAD = 2  # steps dispatched beyond the one the device works on: it never waits, and a signal is heard soon

STAGES = {"evaluate": "evaluation.json", "predict": "predictions/index.json", "report": "report/index.html"}
"""What follows training, each with the file that it writes last."""


def run(config: ConfigDict, workdir: epath.PathLike) -> None:
    """Trains the model of a config in its workdir, from where it stands."""
    workdir = epath.Path(workdir)
    require_free(workdir)  # before anything in it changes
    with distributed.first_alone("claim"):
        identity.claim(workdir, config.to_dict())
    fit(factory.make_job(config, workdir), workdir)


def fit(job: Job, workdir: epath.PathLike) -> TrainState:
    """Train ``job`` to its last step, continuing from the newest good checkpoint in ``workdir``.

    A resumed run ends with the very bits of an uninterrupted one, where the backend adds in a fixed order: GPUs do with
    ``XLA_FLAGS=--xla_gpu_deterministic_ops=true``. A finished one is restored and returned, and nothing is written.
    After SIGTERM or Ctrl-C the state is saved and ``SystemExit`` raised.

    Raises:
        ValueError: When the workdir cannot be written, its checkpoints are all damaged or are of another model, or
            the mesh does not fit; before any work is done.
        FloatingPointError: When the loss, the gradient or the parameters stop being finite. Nothing is saved after.
        SystemExit: After a signal, with the code that shells give one: 143 for SIGTERM, 130 for Ctrl-C.
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
    """The final state, where the training in ``workdir`` is done."""
    if not summary.is_written(workdir):
        return None
    checkpoint = checkpoints.agreed(workdir)
    if checkpoint is None or checkpoints.read_progress(checkpoint).step < job.steps:
        return None
    return checkpoints.restore(checkpoint, program.abstract)


class _Training:
    """The loop and what it does every so many steps."""

    def __init__(
        self,
        job: Job,
        program: Program,
        progress: Progress,
        ledger: Ledger,
        writer: Writer,
        saver: Saver,
        interrupt: Interrupt,
        profiler: Profiler,
    ) -> None:
        self._job, self._program, self._ledger = job, program, ledger
        self._writer, self._saver, self._interrupt, self._profiler = writer, saver, interrupt, profiler
        self.progress = progress
        self.stopped = 0  # by the signal of this number
        self._window = Window(progress.window)
        self._score: float | None = None
        self._bar = tqdm.tqdm(
            desc=f"{job.model}, compiling",  # until the first step is over
            total=job.steps,
            initial=progress.step,
            unit="step",
            dynamic_ncols=True,
            mininterval=0.5,
            disable=jax.process_index() != 0,
        )

    def run(self, state: TrainState, batches: inputs.Prefetch) -> TrainState:
        """Step until the last step or a signal; the clock starts after the first, which compiles."""
        if jax.process_index() == 0:
            print(summary.format_table(summary.parameter_table(state.params)))
        first = self.progress.step + 1
        in_flight = collections.deque()
        with self._bar:
            for step in range(first, self._job.steps + 1):
                with self._profiler.step(step):
                    state, metrics = self._program.step(state, next(batches))
                self._profiler.after(step, metrics)
                self._window.add(metrics, step)
                self._bar.update()
                in_flight.append(metrics["loss"])
                if step == first or len(in_flight) > RUN_AHEAD:
                    in_flight.popleft().block_until_ready()
                if step == first:
                    self._bar.set_description(self._job.model)
                    self._ledger.start(step)
                self.stopped = self._interrupt.asked or (signal.SIGTERM if self._saver.preempted(step) else 0)
                if self.stopped or any(map(self._due, (step,) * 3, self._periods)):
                    self._pause(state, step)
                if self.stopped:
                    break
        self.stopped = self.stopped or self._interrupt.asked  # in the last pause, too
        return state

    @property
    def _periods(self) -> tuple[int, int, int]:
        return self._job.log_every, self._job.validate_every, self._job.checkpoint_every

    def _due(self, step: int, every: int) -> bool:
        return step % every == 0 or step == self._job.steps

    def _pause(self, state: TrainState, step: int) -> None:
        """Wait for the device, then log, validate and save what is due, with the training clock stopped.

        In this order, so that the lines up to a checkpoint's step stand in the files before it exists.
        """
        self._window.require_sound(skip=self._job.on_nan == "skip")
        self._ledger.pause(step)
        self._score = None
        if self._due(step, self._job.log_every):
            self._log(step)
        if self._due(step, self._job.validate_every):
            self._validate(state, step)
        if self.stopped or self._due(step, self._job.checkpoint_every):
            self._save(state, step)
        self._ledger.resume(step)

    def _log(self, step: int) -> None:
        account, means = self._ledger.lap(), self._window.means()
        skipped, first = self._window.skipped()
        if skipped:
            logging.warning("%d steps were skipped up to %d, not finite or exploded, as step %d", skipped, step, first)
            account["skipped_steps"] = float(skipped)
        self._writer.write(step, "train", {**means, **account})
        self._bar.set_postfix(loss=f"{means['loss']:.4g}", mfu=f"{account.get('mfu', float('nan')):.1%}")
        self._window = Window()

    def _validate(self, state: TrainState, step: int) -> None:
        scores = validation.held_out_means(self._job, self._program, state)
        self._writer.write(step, "val", scores)
        self._score = None if self._job.best is None else scores[self._job.best]

    def _save(self, state: TrainState, step: int) -> None:
        if not jax.jit(all_finite)(state.model_state):
            raise FloatingPointError(
                f"what the model keeps beside its parameters, such as statistics and codebooks, is not finite at step "
                f"{step}. Nothing was saved, and the last good checkpoint is kept. Lower the learning rate or lengthen "
                "warm-up, then repeat the command to continue from it"
            )
        self.progress = self._ledger.progress(step, window=self._window.saved(), score=self._score)
        self._saver.save(state, self.progress)
