"""Files that are either whole or absent."""

import uuid

from etils import epath


def write_bytes(path: epath.Path, data: bytes) -> None:
    """Write ``data`` beside ``path`` and move it into place, so that no reader and no kill meets half a file."""
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}.partial")
    partial.write_bytes(data)
    partial.replace(path)
