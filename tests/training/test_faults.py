"""What breaks a training or a checkpoint costs steps at most, and never a bit of the result."""

import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytest
from checkpoint_files import assert_equal, damage, newest_good, newest_progress
from processes import environment, losses, training, wait_for_step
from regression_job import make_job
from test_fit import stop, untimed

from futurepred_jax.train import fit
from futurepred_jax.training import manifest

DAMAGES = {
    "a flipped bit": lambda folder: damage(folder.parent.parent, int(folder.name)),
    "a file cut short": lambda folder: os.truncate(largest(folder), largest(folder).stat().st_size - 1),
    "no manifest": lambda folder: (folder / manifest.NAME).unlink(),
    "no metadata of the arrays": lambda folder: (folder / "model" / "_METADATA").unlink(),
    "no metadata of the checkpoint": lambda folder: (folder / "_CHECKPOINT_METADATA").unlink(),
    "no arrays": lambda folder: shutil.rmtree(folder / "model"),
}


def largest(folder):
    return max((path for path in folder.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """A workdir whose training was stopped, with two checkpoints."""
    folder = tmp_path_factory.mktemp("stopped")
    stop(folder, 18)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("what", DAMAGES)
def test_a_damaged_checkpoint_costs_steps_and_no_bits(stopped, finished, tmp_path, what):
    workdir = shutil.copytree(stopped, tmp_path / "run")
    DAMAGES[what](Path(newest_good(workdir)))
    assert_equal(fit(make_job(), workdir), finished[1])
    assert untimed(workdir) == untimed(finished[0])


@pytest.mark.slow
def test_killed_at_twenty_random_moments_no_step_is_lost_beyond_the_last_save(tmp_path, compilation_cache):
    moments, workdir = random.Random(0), tmp_path / "run"
    how = {"processes": 1, "devices": 4, "cache": compilation_cache}
    seen = {}
    for _ in range(20):
        with training(workdir, **how) as running:
            wait_for_step(workdir, max(seen, default=60) + moments.randint(1, 80), running)
            time.sleep(moments.uniform(0.0, 0.1))
        last_save = max(int(path.name) for path in (workdir / "checkpoints").iterdir() if path.name.isdigit())
        assert newest_progress(workdir).step == last_save
        assert last_save >= max(losses(workdir)) // 50 * 50 - 50
        seen |= losses(workdir)
    with training(tmp_path / "whole", **how) as running:
        wait_for_step(tmp_path / "whole", max(seen), running)
    whole = losses(tmp_path / "whole")
    assert seen == {step: whole[step] for step in seen}


def mounted(path, options, *command):
    """Run a command with a small file system at ``path``, which ends with it; skips where that is not permitted."""
    namespace = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--mount"]
    if shutil.which("unshare") is None:
        pytest.skip("no unshare on this system")
    allowed = subprocess.run([*namespace, "mount", "-t", "tmpfs", "none", path], capture_output=True)
    if allowed.returncode:
        pytest.skip(f"mounting is not permitted here: {allowed.stderr.decode()}")
    script = f'mount -t tmpfs -o {options} none "{path}" && exec "$@"'
    return [*namespace, "sh", "-c", script, "sh", *map(str, command)]


@pytest.mark.slow
def test_a_full_disk_ends_a_training_that_continues_when_there_is_room(finished, tmp_path, compilation_cache):
    workdir, result = tmp_path / "disk", tmp_path / "result.npz"
    workdir.mkdir()
    script = Path(__file__).with_name("full_disk.py")
    command = mounted(workdir, "size=4m", sys.executable, script, workdir, result)
    done = subprocess.run(command, env=environment(8, compilation_cache), capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "No space left on device" in done.stdout
    assert "The newest good checkpoint is kept: make room" in done.stdout
    with np.load(result) as arrays:
        for ours, theirs in zip(arrays.values(), jax.tree.leaves(finished[1]), strict=True):
            np.testing.assert_array_equal(ours, theirs)


REFUSAL = "from futurepred_jax.training.atomic import require_writable; import sys; require_writable(sys.argv[1])"


def test_a_read_only_mount_is_refused(tmp_path):
    command = mounted(tmp_path, "ro", sys.executable, "-c", REFUSAL, tmp_path)
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 1
    assert "ValueError: cannot write to the workdir" in result.stderr
    assert "Read-only file system" in result.stderr
