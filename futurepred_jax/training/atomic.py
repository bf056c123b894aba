"""Files that are whole or absent: written beside their place, then renamed into it."""

import errno
import os
import shutil
import uuid

from etils import epath


def write_text(path: epath.PathLike, text: str) -> None:
    """Replaces the file at ``path`` by ``text`` atomically: a kill or a full disk leaves the old text or the new."""
    path = epath.Path(path)
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}.partial")
    try:
        partial.write_text(text)
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise


def require_writable(folder: epath.PathLike) -> None:
    """Creates ``folder`` and checks that files can be written in it.

    Raises:
        ValueError: If it cannot be created or written; the message has the system's reason.
    """
    folder = epath.Path(folder)
    probe = folder / f".{uuid.uuid4().hex}.probe"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_text("")
        probe.unlink()
    except OSError as error:
        raise ValueError(
            f"cannot write to the workdir {folder}: {error.strerror or error}. Nothing was started; "
            f"choose a folder that this user may write with --workdir"
        ) from error


def require_room(folder: epath.PathLike, needed: int) -> None:
    """Checks that the disk of an existing ``folder`` has ``needed`` bytes free; a bucket always has.

    Raises:
        OSError: With the code ENOSPC, if it has not.
    """
    if "://" in os.fspath(folder):
        return
    free = shutil.disk_usage(folder).free
    if needed > free:
        reason = f"{os.strerror(errno.ENOSPC)}: {needed / 1e6:.1f} MB are needed, {free / 1e6:.1f} MB are free"
        raise OSError(errno.ENOSPC, reason)
