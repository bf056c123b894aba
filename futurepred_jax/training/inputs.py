"""Input pipelines that read batches and place them on the devices in the background."""

import collections
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

import jax
import numpy as np
from jax.sharding import NamedSharding

from futurepred_jax.data import pipeline
from futurepred_jax.training import sharding
from futurepred_jax.training.job import Job

Batch = Mapping[str, np.ndarray]


class Prefetch:
    """Iterator over placed batches that starts to read at once; ``next`` raises errors of reading.

    Args:
        batches: The batches of this process.
        place: Function that places a batch on the devices.
        depth: Number of batches that are read ahead.
    """

    def __init__(self, batches: Iterator[Batch], place: Callable[[Batch], dict[str, jax.Array]], *, depth: int = 2):
        self._batches = batches
        self._place = place
        self.waited = 0.0  # seconds that ``next`` waited for a batch
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="prefetch")
        self._pending: collections.deque[Future] = collections.deque()
        for _ in range(depth):
            self._pending.append(self._reader.submit(self._read))

    def __iter__(self) -> "Prefetch":
        return self

    def __next__(self) -> dict[str, jax.Array]:
        began = time.perf_counter()
        batch = self._pending.popleft().result()
        self.waited += time.perf_counter() - began
        self._pending.append(self._reader.submit(self._read))
        return batch

    def __enter__(self) -> "Prefetch":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._reader.shutdown(wait=True, cancel_futures=True)
        if isinstance(self._batches, Generator):
            self._batches.close()  # here rather than at the interpreter's exit, when imported modules may be gone

    def _read(self) -> dict[str, jax.Array]:
        return self._place(next(self._batches))


def placer(keys: tuple[str, ...] | None, target: NamedSharding) -> Callable[[Batch], dict[str, jax.Array]]:
    """Returns a function that makes global arrays of the fields of a batch.

    The function raises a ValueError if a batch lacks a field.

    Args:
        keys: Names of the fields; None for all.
        target: Sharding of the arrays.
    """

    def place(batch: Batch) -> dict[str, jax.Array]:
        missing = sorted(set(keys or ()) - set(batch))
        if missing:
            raise ValueError(f"a batch has no field {missing}; it has {sorted(batch)}")
        kept = batch if keys is None else {name: batch[name] for name in keys}
        return sharding.global_batch(kept, target)

    return place


def training_batches(job: Job, target: NamedSharding, *, start: int) -> Prefetch:
    """Returns the training batches from number ``start`` on."""
    index, count = sharding.process_slice(target, job.batch_size)
    batches = pipeline.batches(
        job.train_source,
        batch_size=job.batch_size,
        seed=job.seed,
        start=start,
        process_index=index,
        process_count=count,
    )
    return Prefetch(batches, placer(job.batch_keys, target))


def held_out_batches(job: Job, target: NamedSharding) -> Prefetch:
    """Returns the first ``val_batches`` batches of the held-out source, the same clips in every validation."""
    return Prefetch(_in_order(job, *sharding.process_slice(target, job.batch_size)), placer(job.batch_keys, target))


def _in_order(job: Job, index: int, count: int) -> Iterator[Batch]:
    rows = job.batch_size // count
    for start in range(index * rows, job.val_batches * job.batch_size, job.batch_size):
        yield job.val_source.batch(np.arange(start, start + rows))
