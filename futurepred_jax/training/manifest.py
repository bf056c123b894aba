"""Checksums of a checkpoint's files, without which a flipped byte would silently restore wrong values."""

import hashlib
import json
from collections.abc import Iterator, Sequence

from etils import epath

NAME = "manifest.sha256.json"
_CHUNK = 2**22  # bytes that are read at a time


def write(folder: epath.Path, parts: Sequence[str]) -> None:
    """Writes size and sha256 of all files in the subfolders ``parts`` of ``folder`` into its manifest."""
    paths = [path for part in parts for path in _files(folder / part)]
    entries = {str(path.relative_to(folder)): [_size(path), _sha256(path)] for path in paths}
    (folder / NAME).write_text(json.dumps(entries, indent=0, sort_keys=True))


def problem(folder: epath.Path) -> str | None:
    """Returns what is wrong with the files of ``folder``, or None if all files of its manifest are unchanged."""
    try:
        entries = json.loads((folder / NAME).read_text())
    except (OSError, ValueError):
        return f"its {NAME} is missing or unreadable"
    for name, (size, sha256) in entries.items():
        path = folder / name
        if not path.exists():
            return f"{name} is missing"
        if _size(path) != size:
            return f"{name} has {_size(path)} bytes and should have {size}"
        if _sha256(path) != sha256:
            return f"{name} does not have the bytes that were written"
    return None


def _files(folder: epath.Path) -> Iterator[epath.Path]:
    for path in folder.iterdir():
        if path.is_dir():
            yield from _files(path)
        else:
            yield path


def _size(path: epath.Path) -> int:
    return path.stat().length


def _sha256(path: epath.Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
