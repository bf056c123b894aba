"""Training with several processes: how they find each other, and work that process 0 does for all."""

import contextlib
import itertools
import os
import signal
from collections.abc import Callable, Iterator

import jax
import numpy as np
import orbax.checkpoint as ocp
from absl import logging
from jax.experimental import multihost_utils

LONGEST_TURN = 7 * 24 * 3600  # seconds: a large split takes hours to render, and the death of a process ends a wait
_barriers = itertools.count()  # all processes pass the same barriers in the same order


def initialize(coordinator: str | None = None, processes: int | None = None, process: int | None = None) -> None:
    """Joins the other processes of a cluster, if there is one. It must be called before any array is made.

    JAX detects TPU pods, SLURM, Open MPI and Kubernetes Jobs by itself; elsewhere the three arguments are needed. For a
    single process the default handler of SIGTERM is restored, which JAX replaces.

    Args:
        coordinator: Address HOST:PORT of process 0, which every process can reach.
        processes: Number of processes.
        process: Number of this process, from 0.

    Raises:
        ValueError: If only some of the arguments are given.
        RuntimeError: From JAX, if the other processes do not join in time.
    """
    given = {"--coordinator": coordinator, "--processes": processes, "--process": process}
    missing = [flag for flag, value in given.items() if value is None]
    if 0 < len(missing) < len(given):
        raise ValueError(
            f"{', '.join(missing)} not set: {', '.join(given)} are given together, or none where a "
            "TPU pod, SLURM, Open MPI or Kubernetes is detected"
        )
    try:
        jax.distributed.initialize(coordinator, processes, process)
    except Exception as error:
        if not missing or not _found_none(error):
            raise
    if jax.distributed.is_initialized() and jax.process_count() == 1:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _found_none(error: Exception) -> bool:
    """Returns whether an error of JAX means that there is no cluster; in a pod outside a Job it has many forms."""
    if "KUBERNETES_SERVICE_HOST" in os.environ and "JOB_COMPLETION_INDEX" not in os.environ:
        logging.warning("this pod is of no indexed Job, so it goes on alone (%s: %s)", type(error).__name__, error)
        return True
    return isinstance(error, ValueError) and "coordinator_address should be defined" in str(error)


def wait(name: str) -> None:
    """Waits until every process has called this function."""
    everyone = set(range(jax.process_count()))
    ocp.multihost.sync_global_processes(f"{name}-{next(_barriers)}", processes=everyone, timeout=LONGEST_TURN)


def require(problem: str | None) -> None:
    """Checks on every process that process 0 has found no problem.

    Args:
        problem: The problem that this process found, or None; only that of process 0 counts.

    Raises:
        ValueError: On every process, if process 0 has found a problem.
    """
    found = problem is not None
    if jax.process_count() > 1:
        found = bool(multihost_utils.broadcast_one_to_all(np.bool_(found)))
    if found:
        raise ValueError(problem if jax.process_index() == 0 else "process 0 could not go on; its own message says why")


@contextlib.contextmanager
def process_zero_first(name: str) -> Iterator[None]:
    """Lets process 0 run the body of a ``with`` statement before all others, which then find the files that it left.

    If the body fails on process 0, every process raises.

    Args:
        name: Name of the barrier, for error messages.
    """
    if jax.process_index() > 0:
        wait(name)
        require(None)
        yield
        return
    try:
        yield
    except Exception as failure:
        if jax.process_count() > 1:
            wait(name)
            with contextlib.suppress(ValueError):
                require(str(failure))
        raise
    wait(name)
    require(None)


def on_process_zero(name: str, work: Callable[[], None]) -> None:
    """Runs ``work`` on process 0 alone while the others wait; it must not wait for them."""
    with process_zero_first(name):
        if jax.process_index() == 0:
            work()
