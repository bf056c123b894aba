"""Looking at checkpoints, comparing what was restored, and damaging them."""

import jax
import numpy as np

from futurepred_jax.training import checkpoints


def newest_good(workdir):
    checkpoint = checkpoints.newest(workdir)
    assert checkpoint is not None
    return checkpoint


def newest_progress(workdir):
    return checkpoints.read_progress(newest_good(workdir))


def damage(workdir, step, *, part="model"):
    """Flip one bit in the middle of the largest file of a checkpoint's part."""
    files = [path for path in (workdir / "checkpoints" / str(step) / part).rglob("*") if path.is_file()]
    path = max(files, key=lambda path: path.stat().st_size)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    return path


def assert_equal(left, right):
    jax.tree.map(np.testing.assert_array_equal, jax.device_get(left), jax.device_get(right))
