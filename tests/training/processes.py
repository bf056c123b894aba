"""Trainings in processes of their own, alone or together; as a script it is one such process, of a long regression."""

import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

SCRIPT = pathlib.Path(__file__)
STEPS = 100_000  # so many that no test sees the end
MESH = {"data": 2, "fsdp": 2}


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def environment(devices, cache):
    # the sanitised defaults of a user's shell: one process of the tests has simulated devices of its own
    return {
        **os.environ,
        "JAX_PLATFORMS": "cpu",
        "JAX_NUM_CPU_DEVICES": str(devices),
        "JAX_COMPILATION_CACHE_DIR": str(cache),
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }


def start(workdir, *, processes, devices, cache, mesh=MESH):
    """Start a training of ``processes`` with so many devices each; their output goes to files beside the workdir."""
    port = free_port()
    running = []
    for process in range(processes):
        command = [sys.executable, SCRIPT, workdir, str(port), str(processes), str(process), json.dumps(mesh)]
        with pathlib.Path(f"{workdir}-{process}.log").open("a") as log:
            running.append(subprocess.Popen(command, env=environment(devices, cache), stdout=log, stderr=log))
    return running


@contextlib.contextmanager
def training(workdir, **how):
    """A training that is killed at the end, if it has not ended by itself."""
    running = start(workdir, **how)
    try:
        yield running
    finally:
        for process in running:
            process.send_signal(signal.SIGKILL)
            process.wait()


def losses(workdir):
    """Loss of each step that the log has."""
    path = pathlib.Path(workdir) / "metrics.jsonl"
    text = path.read_text() if path.exists() else ""
    lines = [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]
    return {line["step"]: line["loss"] for line in lines if line["split"] == "train"}


def wait_for_step(workdir, step, running, *, patience=300):
    """Wait until the log has a line of ``step`` or later."""
    until = time.monotonic() + patience
    while max(losses(workdir), default=0) < step:
        logs = [path.read_text()[-2000:] for path in pathlib.Path(workdir).parent.glob("*.log")]
        assert all(process.poll() is None for process in running), logs
        assert time.monotonic() < until, logs
        time.sleep(0.02)


if __name__ == "__main__":
    from regression_job import make_job

    from futurepred_jax.train import fit
    from futurepred_jax.training import distributed
    from futurepred_jax.training.sharding import LargestAxis

    workdir, port, processes, process, mesh = sys.argv[1:]
    if int(processes) > 1:
        distributed.initialize(f"127.0.0.1:{port}", int(processes), int(process))
    job = make_job(
        steps=STEPS,
        log_every=1,
        validate_every=50,
        checkpoint_every=50,
        mesh_shape=json.loads(mesh),
        sharding_rules=((".*", LargestAxis(min_size=1)),),
    )
    fit(job, workdir)
