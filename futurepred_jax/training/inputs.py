"""Batches on their way to the devices: read and placed in the background, a few ahead of the step."""

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
    """Iterator over placed batches; begins to read when made. An error while reading is raised by ``next``.

    Args:
        batches: This process's batches.
        place: Puts one on the devices.
        depth: Batches read ahead.
    """

    def __init__(self, batches: Iterator[Batch], place: Callable[[Batch], dict[str, jax.Array]], *, depth: int = 2):
        self._batches = batches
        self._place = place
        self.waited = 0.0  # seconds that ``next`` had nothing to give
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
            self._batches.close()  # here rather than at the interpreter's exit, when its own imports are gone

    def _read(self) -> dict[str, jax.Array]:
        return self._place(next(self._batches))


def placer(keys: tuple[str, ...] | None, target: NamedSharding) -> Callable[[Batch], dict[str, jax.Array]]:
    """Function that keeps the fields ``keys`` (None: all) of a batch and makes global arrays of them.

    Raises:
        ValueError: When a batch lacks one of the fields, by the function.
    """

    def place(batch: Batch) -> dict[str, jax.Array]:
        missing = sorted(set(keys or ()) - set(batch))
        if missing:
            raise ValueError(f"a batch has no field {missing}; it has {sorted(batch)}")
        kept = batch if keys is None else {name: batch[name] for name in keys}
        return sharding.global_batch(kept, target)

    return place


def training_batches(job: Job, target: NamedSharding, *, start: int) -> Prefetch:
    """The training input from global batch ``start`` on, already reading."""
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
    """The first ``val_batches`` batches of the held-out source, in its own order: the same clips every time."""
    return Prefetch(_in_order(job, *sharding.process_slice(target, job.batch_size)), placer(job.batch_keys, target))


def _in_order(job: Job, index: int, count: int) -> Iterator[Batch]:
    rows = job.batch_size // count
    for start in range(index * rows, job.val_batches * job.batch_size, job.batch_size):
        yield job.val_source.batch(np.arange(start, start + rows))
