"""A lock that allows one training at a time in a workdir, on any storage and from any host."""

import json
import os
import pathlib
import platform
import threading
import time
import uuid
from types import TracebackType

import jax
from absl import logging
from etils import epath

from futurepred_jax.training import atomic, distributed

RENEWED = 15.0  # seconds between two renewals
EXPIRED = 120.0  # seconds without renewal after which a holder on another machine counts as dead


class Lease:
    """Context manager in which no other training can start in a workdir; process 0 holds the lease for all.

    Each holder keeps a file of its own in the workdir, renews its time, and refuses to start if it finds the file of
    another. The storage only has to list files that were written; of two trainings that start at the same moment both
    may refuse. A holder on this machine is dead if its process is gone, and one elsewhere if it no longer renews its
    file. Files of dead holders are removed.

    Args:
        workdir: The workdir.

    Raises:
        ValueError: On entering, if another training runs in the workdir; the message names it.
    """

    def __init__(self, workdir: epath.PathLike) -> None:
        self._file = epath.Path(workdir) / f".lease-{uuid.uuid4().hex}.json"
        self._left = threading.Event()
        self._renewal = threading.Thread(target=self._renew, daemon=True, name="lease")

    def __enter__(self) -> "Lease":
        problem = None
        if jax.process_index() == 0:
            self._write()
            problem = _problem(self._file.parent, self._file.name)
            if problem is not None:
                self._file.unlink()
        distributed.require(problem)
        if jax.process_index() == 0:
            self._renewal.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if jax.process_index() == 0:
            self._left.set()
            self._renewal.join()
            self._file.unlink(missing_ok=True)

    def _write(self) -> None:
        me = {"host": platform.node(), "machine": _machine(), "pid": os.getpid(), "started": _started(os.getpid())}
        atomic.write_text(self._file, json.dumps({**me, "time": time.time()}))

    def _renew(self) -> None:
        while not self._left.wait(RENEWED):
            try:
                self._write()
            except OSError as error:  # a full disk must not end a training that may yet do without it
                logging.warning("cannot renew %s (%s): another training may start here", self._file, error)


def require_free(workdir: epath.PathLike) -> None:
    """Raises a ValueError on every process, with who that is, if a training lives in the workdir."""
    distributed.require(_problem(epath.Path(workdir)) if jax.process_index() == 0 else None)


def _problem(workdir: epath.Path, own: str = "") -> str | None:
    """Returns what stands against training in a workdir, apart from the lease file ``own``; removes dead ones."""
    for path in workdir.glob(".lease-*.json"):
        if path.name == own:
            continue
        holder = _holder(path)
        if holder is not None and _is_alive(holder):
            silent = time.time() - holder["time"]
            return (
                f"process {holder['pid']} on {holder['host']} is training in {path.parent}; its last sign of life "
                f"came {silent:.0f} s ago. Wait for it or stop it, or choose another --workdir; should that "
                f"process be gone, start again {EXPIRED:.0f} s after its last sign, or remove {path}"
            )
        path.unlink(missing_ok=True)
    return None


def _holder(path: epath.Path) -> dict | None:
    """Reads a lease; None if it has just been removed."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None


def _is_alive(holder: dict) -> bool:
    if holder["machine"] == _machine():
        return _started(holder["pid"]) == holder["started"]
    return time.time() - holder["time"] < EXPIRED


def _machine() -> str:
    """Returns an identifier of this machine or container since it was booted."""
    boot, numbers = pathlib.Path("/proc/sys/kernel/random/boot_id"), pathlib.Path("/proc/self/ns/pid")
    since = boot.read_text().strip() if boot.exists() else ""
    return f"{platform.node()} {since} {os.readlink(numbers) if numbers.is_symlink() else ''}"


def _started(pid: int) -> str | None:
    """Returns the start time of a process, which tells it from later ones of the same pid; None if it is gone."""
    stat = pathlib.Path(f"/proc/{pid}/stat")
    try:
        if pathlib.Path("/proc/self/stat").exists():
            state, *fields = stat.read_text().rpartition(")")[2].split()
            return None if state == "Z" else fields[18]
        os.kill(pid, 0)
    except PermissionError:
        return "unknown"
    except OSError:
        return None
    return "unknown"
