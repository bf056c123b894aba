"""Several processes train as one: killed, stopped and resumed on another number of them, with nothing lost."""

import signal
import subprocess
import sys

import jax
import pytest
from checkpoint_files import newest_progress
from processes import environment, free_port, losses, training, wait_for_step

from futurepred_jax.training import distributed
from futurepred_jax.training.writers import read_metrics


@pytest.mark.slow
def test_two_processes_killed_are_resumed_by_one_with_the_same_losses(tmp_path, compilation_cache):
    workdir = tmp_path / "run"
    with training(workdir, processes=2, devices=2, cache=compilation_cache) as running:
        wait_for_step(workdir, 60, running)
    killed, saved = losses(workdir), newest_progress(workdir).step
    assert saved % 50 == 0
    assert saved >= 50
    with training(workdir, processes=1, devices=4, cache=compilation_cache) as running:
        wait_for_step(workdir, max(killed), running)
    resumed = losses(workdir)
    assert {step: resumed[step] for step in killed} == killed
    assert max(killed) > saved  # so that some of them were computed by both


@pytest.mark.slow
def test_processes_that_share_a_tensor_axis_train_on_the_same_rows(tmp_path, compilation_cache):
    found = {}
    for processes in (1, 2):
        workdir, mesh = tmp_path / f"of-{processes}", {"data": 1, "fsdp": 2, "tensor": 4}
        how = {"devices": 8 // processes, "cache": compilation_cache, "mesh": mesh}
        with training(workdir, processes=processes, **how) as running:
            wait_for_step(workdir, 8, running)
        found[processes] = losses(workdir)
    mesh = {"data": 1, "fsdp": 1, "tensor": 4}
    with training(tmp_path / "alike", processes=2, devices=2, cache=compilation_cache, mesh=mesh) as running:
        wait_for_step(tmp_path / "alike", 8, running)
    for other in (found[2], losses(tmp_path / "alike")):
        assert {step: other[step] for step in range(1, 9)} == pytest.approx({s: found[1][s] for s in range(1, 9)})


@pytest.mark.slow
def test_a_sigterm_to_one_of_two_processes_saves_the_state_of_both(tmp_path, compilation_cache):
    workdir = tmp_path / "run"
    with training(workdir, processes=2, devices=2, cache=compilation_cache) as running:
        wait_for_step(workdir, 10, running)
        running[1].send_signal(signal.SIGTERM)
        assert [process.wait(timeout=120) for process in running] == [128 + signal.SIGTERM] * 2
    stopped, saved = losses(workdir), newest_progress(workdir).step
    assert saved == max(stopped)
    with training(workdir, processes=1, devices=4, cache=compilation_cache) as running:
        wait_for_step(workdir, saved + 1, running)
    assert {step: losses(workdir)[step] for step in stopped} == stopped


def test_one_process_alone_waits_for_nothing():
    passed = []
    distributed.on_process_zero("turn", lambda: passed.append("work"))
    with distributed.process_zero_first("turn"):
        passed.append("turn")
    assert passed == ["work", "turn"]


CLUSTER = "from futurepred_jax.training import distributed; import jax; distributed.initialize();"
CLUSTER += "print(jax.distributed.is_initialized(), jax.process_count(), jax.process_index())"


@pytest.mark.slow
def test_a_cluster_is_joined_without_being_told(compilation_cache):
    slurm = {"SLURM_JOB_ID": "7", "SLURM_STEP_NODELIST": "localhost", "SLURM_NTASKS": "1", "SLURM_PROCID": "0"}
    slurm |= {"SLURM_STEP_NUM_TASKS": "1", "SLURM_LOCALID": "0"}
    command = [sys.executable, "-c", CLUSTER]
    done = subprocess.run(command, env=environment(1, compilation_cache) | slurm, capture_output=True, text=True)
    assert done.stdout.split() == ["True", "1", "0"], done.stderr


def test_half_an_address_is_refused():
    with pytest.raises(ValueError, match=r"--processes, --process not set"):
        distributed.initialize("127.0.0.1:1")


def test_a_problem_of_the_first_process_is_an_error():
    distributed.require(None)
    with pytest.raises(ValueError, match="the disk is on fire"):
        distributed.require("the disk is on fire")


SHORT = {
    "tokenizer.config.train.steps": 20,
    "tokenizer.config.train.warmup_steps": 5,
    "tokenizer.config.objective.warm_steps": 5,
    "gate.foreground_psnr": 5,
    "train.steps": 10,
    "train.warmup_steps": 5,
    "data.train_clips": 192,
}


@pytest.mark.slow
def test_two_processes_do_everything_from_drawing_to_the_report_once(tmp_path, compilation_cache):
    flags = ["--config=baseline:debug", f"--coordinator=127.0.0.1:{free_port()}", "--processes=2"]
    flags += [f"--config.{name}={value}" for name, value in SHORT.items()]
    command = [sys.executable, "-m", "futurepred_jax.main", *flags]
    how = {"cwd": tmp_path, "env": environment(2, compilation_cache), "stdout": subprocess.PIPE, "text": True}
    running = [subprocess.Popen([*command, f"--process={process}"], **how) for process in range(2)]
    printed = [process.communicate(timeout=900)[0] for process in running]
    assert [process.returncode for process in running] == [0, 0]
    assert "Look at runs/baseline-debug/report/index.html" in printed[0]
    assert "Look at" not in printed[1]
    drawn = next(tmp_path.glob("runs/clips/*/train"))
    assert {path.name for path in drawn.glob("lock-*")} == {"lock-0-of-2", "lock-1-of-2"}
    steps = [line["step"] for line in read_metrics(tmp_path / "runs/baseline-debug/metrics.jsonl")]
    assert steps == sorted(steps)
    assert len(set(steps)) * 2 >= len(steps)  # a line each for training and validation


TOLD = """
import os, signal, sys
from futurepred_jax.training import distributed
distributed.initialize(f"localhost:{sys.argv[1]}", 1, 0)
os.kill(os.getpid(), signal.SIGTERM)
print("still here")
"""


def test_outside_a_training_a_sigterm_ends_the_only_process():
    done = subprocess.run([sys.executable, "-c", TOLD, str(free_port())], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (-signal.SIGTERM, "")


def test_in_a_pod_of_no_job_a_process_goes_on_alone(monkeypatch, caplog):
    def fail(*_):
        raise KeyError("job-name")

    monkeypatch.setattr(jax.distributed, "initialize", fail)
    with pytest.raises(KeyError):
        distributed.initialize()
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    distributed.initialize()
    assert "goes on alone (KeyError: 'job-name')" in caplog.text
    with pytest.raises(KeyError):
        distributed.initialize("localhost:1", 2, 0)
    monkeypatch.setenv("JOB_COMPLETION_INDEX", "0")
    with pytest.raises(KeyError):
        distributed.initialize()
