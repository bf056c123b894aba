"""The SLURM script: with stand-ins, and where SLURM is installed on a cluster of one node that this test starts."""

import os
import secrets
import shutil
import socket
import subprocess
import sys
import time

import pytest
from launchers import LAUNCH, stand_in

SCRIPT = LAUNCH / "slurm.sbatch"
DAEMONS = ("munged", "slurmctld", "slurmd")

# In the place of srun: the trainer, stopped the first time.
SRUN = """
shift 2
echo "$@" >>calls
[[ -e stopped ]] || { touch stopped && exit 143; }
"""


def test_a_slurm_job_queues_itself_again_until_all_is_done(shell, commands, tmp_path):
    stand_in(commands, "srun", SRUN)
    stand_in(commands, "scontrol", 'echo "$@" >>requeued')
    line = ["bash", SCRIPT, "run", "--config=baseline:small"]
    for _ in range(2):
        assert shell(*line, environment={"SLURM_JOB_ID": "7", "FUTUREPRED_VENV": "/venv"}).returncode == 0
    assert (tmp_path / "requeued").read_text() == "requeue 7\n"
    assert (tmp_path / "calls").read_text() == "--workdir=run --config=baseline:small\n" * 2


def test_a_slurm_job_that_fails_does_not_come_back(shell, commands, tmp_path):
    stand_in(commands, "srun", "exit 3")
    stand_in(commands, "scontrol", 'echo "$@" >>requeued')
    assert shell("bash", SCRIPT, "run", environment={"SLURM_JOB_ID": "7"}).returncode == 3
    assert not (tmp_path / "requeued").exists()


# In the place of srun: what jax makes of it in the first of one task.
DEVICES = """
import jax
from futurepred_jax.training import distributed
distributed.initialize()
print("uses", jax.config.values["jax_cuda_visible_devices"], "in", jax.process_count())
"""


def test_the_one_process_of_a_node_has_all_of_its_gpus(shell, commands):
    stand_in(commands, "srun", f"exec {sys.executable} -c '{DEVICES}'")
    node = {"SLURM_GPUS_ON_NODE": "4", "SLURM_JOB_ID": "7", "SLURM_STEP_NODELIST": "localhost", "SLURM_LOCALID": "0"}
    step = {"SLURM_NTASKS": "1", "SLURM_PROCID": "0", "SLURM_STEP_NUM_TASKS": "1", "JAX_PLATFORMS": "cpu"}
    done = shell("bash", SCRIPT, "run", environment={**node, **step})
    assert "uses 0,1,2,3 in 1" in done.stdout, done.stderr


CONFIG = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
AuthInfo=socket={folder}/munge.sock
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_tres
GresTypes=gpu
SlurmdParameters=config_overrides
NodeName={host} NodeAddr=127.0.0.1 CPUs=8 RealMemory=64000 Gres=gpu:1
PartitionName=all Nodes=ALL Default=YES State=UP
"""


def free_ports() -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    ports = [found.getsockname()[1] for found in sockets]
    for found in sockets:
        found.close()
    return ports


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    """A SLURM of one node with, as far as it knows, 8 cores and a GPU; asks it something."""
    if not all(map(shutil.which, DAEMONS)) or os.geteuid():
        pytest.skip("needs SLURM's daemons (Debian: slurmctld slurmd munge), and to be root")
    folder, host = tmp_path / "slurm", socket.gethostname().split(".")[0]
    for part in ("state", "spool"):
        (folder / part).mkdir(parents=True)
    (folder / "slurm.conf").write_text(CONFIG.format(host=host, user="root", folder=folder, ports=free_ports()))
    (folder / "gres.conf").write_text(f"NodeName={host} Name=gpu File=/dev/null\n")
    (folder / "key").write_bytes(secrets.token_bytes(1024))
    (folder / "key").chmod(0o600)
    monkeypatch.setenv("SLURM_CONF", str(folder / "slurm.conf"))
    munge = [
        f"--{name}={folder}/munge.{end}" for name, end in (("socket", "sock"), ("pid-file", "pid"), ("log-file", "log"))
    ]
    started = [
        ["munged", "--force", f"--key-file={folder}/key", f"--seed-file={folder}/seed", *munge],
        ["slurmctld"],
        ["slurmd"],
    ]
    try:
        for line in started:
            subprocess.run(line, check=True, capture_output=True)
        yield lambda *line: subprocess.run(line, cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    finally:
        for name in ("slurmd", "slurmctld", "munge"):
            if (folder / f"{name}.pid").exists():
                os.kill(int((folder / f"{name}.pid").read_text()), 15)


def until(true, seconds=90):
    deadline = time.time() + seconds
    while not (found := true()) and time.time() < deadline:
        time.sleep(0.5)
    return found


TRAINER = """
echo "$* on gpu $CUDA_VISIBLE_DEVICES" >>lines
trap 'touch saved; exit 143' TERM
[[ -e saved ]] || while true; do sleep 0.1; done
"""


@pytest.mark.slow
def test_slurm_itself_takes_the_directives_stops_the_job_queues_it_again_and_finishes(cluster, tmp_path, monkeypatch):
    stand_in(tmp_path / "venv/bin", "futurepred-jax", TRAINER)
    monkeypatch.setenv("FUTUREPRED_VENV", str(tmp_path / "venv"))
    until(lambda: "idle" in cluster("sinfo"))
    job = cluster("sbatch", "--parsable", SCRIPT, "run", "--config=baseline:small").strip()
    assert until((tmp_path / "lines").exists), cluster("squeue")
    cluster("scancel", "--signal=TERM", job)

    def told():
        return cluster("scontrol", "show", "job", job)

    assert until(lambda: "JobState=PENDING" in told()), told()
    cluster("scontrol", "update", f"jobid={job}", "starttime=now")  # SLURM would wait for two minutes
    assert until(lambda: "JobState=COMPLETED" in told()), told()
    assert "Restarts=1" in told()
    assert (tmp_path / "lines").read_text() == "--workdir=run --config=baseline:small on gpu 0\n" * 2
