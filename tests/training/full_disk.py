"""Trains in a workdir whose disk fills up, prints how that ended, makes room, trains on, and writes the parameters.

As a script: WORKDIR RESULT, the workdir on a small file system of its own. It says that it has room, so that it fills
up while a checkpoint is written; that it has none is told before (``test_checkpoints``).
"""

import pathlib
import shutil
import sys

import jax
import numpy as np
from regression_job import arrays, make_job

from futurepred_jax.data import pipeline
from futurepred_jax.data.pipeline import ArraySource
from futurepred_jax.train import fit
from futurepred_jax.training import atomic


class Filler(ArraySource):
    """Leaves no room on the disk from the fourteenth batch on, and then waits for the save before to be over.

    Its batches are too large to be read several at once.
    """

    def __init__(self, path):
        super().__init__(arrays(96, seed=1))
        self.path, self.read = path, 0

    def batch(self, indices):
        self.read += 1
        if self.read == 14:
            while not (self.path.parent / "checkpoints" / "5").exists():
                pass
            self.fill()
        ballast = np.zeros((len(indices), pipeline.AT_ONCE_BYTES // len(indices)), np.uint8)
        return {**super().batch(indices), "ballast": ballast}

    def fill(self):
        with self.path.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                return


if __name__ == "__main__":
    jax.config.update("jax_num_cpu_devices", 8)
    workdir, result = map(pathlib.Path, sys.argv[1:])
    atomic.shutil.disk_usage = lambda _: shutil._ntuple_diskusage(2**40, 0, 2**40)  # type: ignore
    filler = workdir / "filler"
    try:
        fit(make_job(train_source=Filler(filler), batch_keys=("inputs", "targets")), workdir)
    except (OSError, ValueError) as error:
        print(f"{type(error).__name__}: {error}")
    filler.unlink()
    state = fit(make_job(), workdir)
    np.savez(result, *jax.tree.leaves(jax.device_get(state)))
