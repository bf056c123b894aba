"""One training at a time in a workdir; a dead one does not block."""

import json
import os
import shutil
import subprocess
import sys
import threading
import time

import pytest
from regression_job import make_job

from futurepred_jax.train import fit
from futurepred_jax.training import lease
from futurepred_jax.training.lease import EXPIRED, Lease


def leases(workdir):
    return list(workdir.glob(".lease-*.json"))


def forge(workdir, **changes):
    """A lease as another holder would have left it: this process's, changed."""
    with Lease(workdir):
        [path] = leases(workdir)
        holder = json.loads(path.read_text())
    other = workdir / ".lease-other.json"
    other.write_text(json.dumps({**holder, **changes}))
    return other


def test_a_second_training_is_refused_by_name_and_the_first_goes_on(tmp_path):
    with Lease(tmp_path):
        before = sorted(tmp_path.rglob("*"))
        with pytest.raises(ValueError, match=rf"process {os.getpid()} on .* is training in .*--workdir"):
            fit(make_job(), tmp_path)
        assert sorted(tmp_path.rglob("*")) == before
    assert not leases(tmp_path)
    with Lease(tmp_path):
        pass


def test_a_killed_training_on_this_machine_does_not_block(tmp_path):
    code = "import sys, os, signal; from futurepred_jax.training.lease import Lease\n"
    code += "with Lease(sys.argv[1]): os.kill(os.getpid(), signal.SIGKILL)"
    subprocess.run([sys.executable, "-c", code, tmp_path], check=False)
    [left] = leases(tmp_path)
    with Lease(tmp_path):
        assert not left.exists()


def test_a_pid_that_another_program_has_by_now_does_not_block(tmp_path):
    other = forge(tmp_path, started="long ago")
    with Lease(tmp_path):
        assert not other.exists()


@pytest.mark.parametrize(("silent", "blocks"), [(EXPIRED / 2, True), (EXPIRED + 1, False)])
def test_a_holder_elsewhere_blocks_while_it_gives_signs_of_life(tmp_path, silent, blocks):
    other = forge(tmp_path, machine="elsewhere", host="elsewhere", pid=1, time=time.time() - silent)
    if blocks:
        with pytest.raises(ValueError, match="process 1 on elsewhere"), Lease(tmp_path):
            pass
    else:
        with Lease(tmp_path):
            assert not other.exists()


def test_a_container_is_a_machine_of_its_own_whatever_its_name():
    apart = ["unshare", "--pid", "--fork", "--mount-proc"] + ([] if os.geteuid() == 0 else ["--map-root-user"])
    show = [sys.executable, "-c", "from futurepred_jax.training.lease import _machine; print(_machine())"]
    if shutil.which("unshare") is None or subprocess.run([*apart, "true"], capture_output=True).returncode:
        pytest.skip("no processes with numbers of their own on this system")
    there, here = (subprocess.run([*how, *show], capture_output=True, text=True).stdout for how in (apart, []))
    assert here.strip() == lease._machine()
    assert there.strip() not in ("", here.strip())


def test_a_holder_gives_signs_of_life(tmp_path, monkeypatch):
    monkeypatch.setattr(lease, "RENEWED", 0.01)
    with Lease(tmp_path):
        [path] = leases(tmp_path)
        first = json.loads(path.read_text())["time"]
        until = time.monotonic() + 10
        while json.loads(path.read_text())["time"] == first:
            assert time.monotonic() < until
    assert not any(thread.name == "lease" for thread in threading.enumerate())
