"""Several processes that train as one: how they find each other, and how they take turns at what one of them does."""

import contextlib
import itertools
from collections.abc import Callable, Iterator

import jax
import numpy as np
import orbax.checkpoint as ocp
from jax.experimental import multihost_utils

LONGEST_TURN = 7 * 24 * 3600  # seconds: a large split takes hours to draw, and a process that dies ends the wait
_barriers = itertools.count()  # every process comes to the same barriers in the same order


def initialize(coordinator: str | None = None, processes: int | None = None, process: int | None = None) -> None:
    """Join the other processes of a cluster, if there is one; no array may have been made before.

    jax detects a TPU pod, SLURM, Open MPI and Kubernetes by itself; elsewhere the three arguments tell.

    Args:
        coordinator: Address HOST:PORT of process 0, which every process reaches.
        processes: How many there are.
        process: Which this is, from 0.

    Raises:
        ValueError: When only some are given.
        RuntimeError: When the others are not met in time, from jax.
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
    except ValueError as error:
        if "coordinator_address should be defined" not in str(error):
            raise
        # this is how jax says that it found no cluster


def wait(name: str) -> None:
    """Return when every process has come here."""
    everyone = set(range(jax.process_count()))
    ocp.multihost.sync_global_processes(f"{name}-{next(_barriers)}", processes=everyone, timeout=LONGEST_TURN)


def require(problem: str | None) -> None:
    """Raise a ValueError on every process where the first one has found a problem; what others found is not asked."""
    found = problem is not None
    if jax.process_count() > 1:
        found = bool(multihost_utils.broadcast_one_to_all(np.bool_(found)))
    if found:
        raise ValueError(problem if jax.process_index() == 0 else "process 0 could not go on; its own message says why")


@contextlib.contextmanager
def first_alone(name: str) -> Iterator[None]:
    """Context that process 0 goes through before all others, who then find what it left in shared folders.

    When it fails, all do.
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


def by_first(name: str, work: Callable[[], None]) -> None:
    """Let process 0 do some work, which must not wait for the others, while they wait for it."""
    with first_alone(name):
        if jax.process_index() == 0:
            work()
