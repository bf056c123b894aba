"""Memory that a step returns stays with the process."""

import os
import resource
import subprocess
import sys

import pytest

from futurepred_jax import allocator

STEPS = """
import resource
import numpy as np
from futurepred_jax.allocator import keep_memory
keep_memory()
faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt
np.ones(2**24), np.ones(2**24)
before = faults()
for _ in range(8):
    np.ones(2**24)
print(faults() - before)
"""


@pytest.mark.parametrize(("tunables", "restarts"), [(None, 1), ("glibc.malloc.arena_max=2", 0)])
def test_the_process_starts_anew_unless_the_user_tuned_glibc(monkeypatch, tunables, restarts):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    if tunables:
        monkeypatch.setenv("GLIBC_TUNABLES", tunables)
    calls = []
    monkeypatch.setattr(os, "execve", lambda *arguments: calls.append(arguments))
    allocator.keep_memory()
    assert len(calls) == restarts
    for program, line, environment in calls:
        assert (program, line) == (sys.executable, sys.orig_argv)
        assert environment["GLIBC_TUNABLES"] == allocator.TUNABLES


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator is Linux's")
def test_what_is_returned_is_not_asked_of_the_kernel_again():
    environment = {name: value for name, value in os.environ.items() if name != "GLIBC_TUNABLES"}
    pages = 8 * 2**27 // resource.getpagesize()
    found = {}
    for tunables in (None, "glibc.malloc.hugetlb=0"):
        env = environment if tunables is None else {**environment, "GLIBC_TUNABLES": tunables}
        done = subprocess.run([sys.executable, "-c", STEPS], env=env, capture_output=True, text=True, check=True)
        found[tunables] = int(done.stdout)
    assert found[None] < pages / 1000 < found["glibc.malloc.hugetlb=0"]
