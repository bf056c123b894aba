"""Draws a split in worker processes, as a script of its own that can be killed: FOLDER COUNT WORKERS."""

import sys

from futurepred_jax.data.spec import ClutterSpec
from futurepred_jax.data.store import materialize

SPEC = ClutterSpec(size=16, frames=5)

if __name__ == "__main__":
    folder, count, workers = sys.argv[1:]
    materialize(SPEC, "train", int(count), folder, workers=int(workers), progress=False)
