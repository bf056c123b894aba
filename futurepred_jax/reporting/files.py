"""Writes files that are either complete or absent."""

import uuid

from etils import epath


def write_bytes(path: epath.Path, data: bytes) -> None:
    """Writes ``data`` to a temporary file and moves it to ``path``, where no incomplete file is ever visible."""
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}.partial")
    partial.write_bytes(data)
    partial.replace(path)
