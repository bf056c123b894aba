"""The only training loop: a ``Job`` and a workdir in, trained state out, whatever interrupts it in between."""

import collections
import contextlib
import time

import jax
import tqdm
from etils import epath
from ml_collections import ConfigDict

from futurepred_jax import factory
from futurepred_jax.training import atomic, checkpoints, compilation, distributed, identity, inputs, summary, throughput, validation
from futurepred_jax.training.checkpoints import Progress, Saver
from futurepred_jax.training.interrupt import Interrupt
from futurepred_jax.training.job import Job
from futurepred_jax.training.program import Program, make_program
from futurepred_jax.training.state import TrainState
from futurepred_jax.training.window import Window
from futurepred_jax.training.writers import Writer

RUN_AHEAD = 2  # steps dispatched beyond the one the device works on: it never waits, and a signal is heard soon


def run(config: ConfigDict, workdir: epath.PathLike) -> None:
    """Trains the model of a config in its workdir, from where it stands."""
    with distributed.first_alone("claim"):
        identity.claim(workdir, config.to_dict())
    fit(factory.make_job(config, workdir), workdir)


def fit(job: Job, workdir: epath.PathLike) -> TrainState:
    """Train ``job`` to its last step, continuing from the newest good checkpoint in ``workdir``.

    A resumed run ends with the very bits of an uninterrupted one. A finished one is restored and returned, and
    nothing is written. After SIGTERM or Ctrl-C the state is saved and ``SystemExit(0)`` raised.

    Raises:
        ValueError: When the workdir cannot be written, its checkpoints are all damaged or are of another model, or
            the mesh does not fit; before any work is done.
        FloatingPointError: When the loss, the gradient or the parameters stop being finite. Nothing is saved after.
        SystemExit: With code 0, after a signal.
    """
    began = time.time()
    compilation.enable_compilation_cache()
    workdir = epath.Path(workdir)
    program = make_program(job)
    checkpoint = checkpoints.agreed(workdir)
    progress = Progress() if checkpoint is None else checkpoints.read_progress(checkpoint)
    if checkpoint is not None and progress.step >= job.steps and (workdir / summary.SUMMARY).exists():
        return checkpoints.restore(checkpoint, program.abstract)
    atomic.require_writable(workdir)
    writer = Writer(workdir, start=progress.step)
    with contextlib.ExitStack() as stack:
        interrupt = stack.enter_context(Interrupt())
        batches = stack.enter_context(inputs.training_batches(job, program.batch, start=progress.step))
        state = program.init() if checkpoint is None else checkpoints.restore(checkpoint, program.abstract)
        stack.enter_context(writer)
        saver = stack.enter_context(Saver(workdir, start=progress.step))
        training = _Training(job, program, progress, writer, saver, interrupt, began=began)
        state = training.run(state, batches)
    if training.progress.step >= job.steps and jax.process_index() == 0:
        summary.write_summary(workdir, job, program.abstract.params, training.progress, training.peak)
    if training.stopped:
        raise SystemExit(0)
    return state


class _Training:
    """The loop and what it does every so many steps."""

    def __init__(
        self,
        job: Job,
        program: Program,
        progress: Progress,
        writer: Writer,
        saver: Saver,
        interrupt: Interrupt,
        *,
        began: float,
    ) -> None:
        self._job, self._program, self._writer, self._saver, self._interrupt = job, program, writer, saver, interrupt
        self.progress = progress
        self.stopped = False
        self.peak = throughput.peak_flops_per_second(program.mesh)
        self._window = Window(progress.window)
        self._meter = throughput.Meter(steps=progress.measured_steps, seconds=progress.measured_seconds)
        self._began = began - progress.seconds
        self._bar = tqdm.tqdm(
            desc=job.model,
            total=job.steps,
            initial=progress.step,
            unit="step",
            dynamic_ncols=True,
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
                state, metrics = self._program.step(state, next(batches))
                self._window.add(metrics, step)
                self._bar.update()
                in_flight.append(metrics["loss"])
                if step == first or len(in_flight) > RUN_AHEAD:
                    in_flight.popleft().block_until_ready()
                if step == first:
                    self._meter.resume(step)
                self.stopped = self._interrupt.asked or self._saver.preempted(step)
                if self.stopped or any(map(self._due, (step,) * 3, self._periods)):
                    self._pause(state, step)
                if self.stopped:
                    break
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
        self._window.require_finite()
        self._meter.pause(step)
        if self._due(step, self._job.log_every):
            self._log(step)
        if self._due(step, self._job.validate_every):
            self._validate(state, step)
        if self.stopped or self._due(step, self._job.checkpoint_every):
            self._save(state, step)
        self._meter.resume(step)

    def _log(self, step: int) -> None:
        rates = summary.rates(self._job, self._meter.lap(), self.peak)
        speed = {name: value for name, value in rates.items() if value is not None}
        means = self._window.means()
        self._writer.write(step, "train", {**means, **speed})
        self._bar.set_postfix(loss=f"{means['loss']:.4g}", mfu=f"{speed.get('mfu', float('nan')):.1%}")
        self._window = Window()

    def _validate(self, state: TrainState, step: int) -> None:
        self._writer.write(step, "val", validation.held_out_means(self._job, self._program, state))

    def _save(self, state: TrainState, step: int) -> None:
        self.progress = Progress(
            step=step,
            seconds=time.time() - self._began,
            measured_steps=self._meter.steps,
            measured_seconds=self._meter.seconds,
            window=self._window.saved(),
        )
        self._saver.save(state, self.progress)
