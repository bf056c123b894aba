import dataclasses
import os
import pathlib
import signal
import subprocess
import sys
import threading

import pytest
from checkpoint_files import assert_equal, newest_progress
from regression_job import SignalSource, arrays, make_job, signalled_job
from test_fit import untimed

from futurepred_jax.data.pipeline import ArraySource
from futurepred_jax.train import fit
from futurepred_jax.training.interrupt import Interrupt

SCRIPT = pathlib.Path(__file__).with_name("regression_job.py")


def train_in_a_process(workdir, number, at, step, cache):
    """Exit status of a training whose process gets the signal while it reads, with the checkpoint of ``step`` there."""
    command = [sys.executable, SCRIPT, workdir, number.name, str(at), str(step)]
    environment = {**os.environ, "JAX_COMPILATION_CACHE_DIR": cache}
    return subprocess.run(command, env=environment, capture_output=True, timeout=400).returncode


def test_killed_then_terminated_then_resumed_equals_uninterrupted(finished, tmp_path, compilation_cache):
    assert train_in_a_process(tmp_path, signal.SIGKILL, 14, 5, compilation_cache) == -signal.SIGKILL
    after_kill = newest_progress(tmp_path).step
    assert after_kill in (5, 10)  # what was saved before, not where it was killed
    assert train_in_a_process(tmp_path, signal.SIGTERM, 4, after_kill, compilation_cache) == 128 + signal.SIGTERM
    assert after_kill < newest_progress(tmp_path).step < 20
    assert_equal(fit(make_job(), tmp_path), finished[1])
    assert untimed(tmp_path) == untimed(finished[0])


def test_ctrl_c_saves_and_ends_with_its_own_status(tmp_path):
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as stopped:
        fit(signalled_job(signal.SIGINT, 8), tmp_path)
    assert stopped.value.code == 128 + signal.SIGINT
    assert newest_progress(tmp_path).step > 1
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_a_signal_during_the_last_validation_is_heeded(tmp_path):
    held_out = SignalSource(ArraySource(arrays(32, seed=2)), signal.SIGTERM, 4, None)  # the second half of the second
    job = dataclasses.replace(make_job(), val_source=held_out, batch_keys=("inputs", "targets"))
    with pytest.raises(SystemExit) as stopped:
        fit(job, tmp_path)
    assert stopped.value.code == 128 + signal.SIGTERM
    assert newest_progress(tmp_path).step == job.steps
    assert (tmp_path / "summary.json").exists()  # it is finished all the same


@pytest.fixture
def as_a_program_starts():
    """Ctrl-C as Python answers it: what a shell runs in the background is started deaf to it."""
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, former or signal.default_int_handler)


@pytest.mark.usefixtures("as_a_program_starts")
def test_a_second_ctrl_c_interrupts_at_once():
    with Interrupt() as interrupt:
        signal.raise_signal(signal.SIGINT)
        assert interrupt.asked
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_outside_the_main_thread_it_warns_and_leaves_signals_alone(caplog):
    asked = []

    def run():
        with Interrupt() as interrupt:
            asked.append(interrupt.asked)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert asked == [0]
    assert "without saving" in caplog.text
