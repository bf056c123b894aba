"""Batches for training and evaluation, by tf.data, whose whole state is one integer: the number of the global batch."""

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Int

from futurepred_jax.data import counter_random
from futurepred_jax.data.spec import ClutterSpec

FOREVER = 1 << 62  # batches
AT_ONCE, AT_ONCE_BYTES = 16, 1 << 21  # that are read ahead together, at most


@runtime_checkable
class Source(Protocol):
    """Examples that can be asked for by index, in any order and any number of times, with the same answer."""

    def __len__(self) -> int:
        """Number of examples."""
        ...

    def batch(self, indices: Int[np.ndarray, "b"]) -> dict[str, np.ndarray]:
        """Fields of some examples, each with a leading axis, of the same dtype and shape whatever the indices."""
        ...


@runtime_checkable
class Clips(Source, Protocol):
    """A split on disk. A batch has ``video``, free of noise, and ``noisy``, uint8 [b t h w 3], and ``index``."""

    @property
    def spec(self) -> ClutterSpec | None:
        """What the clips were drawn from: their batches hold the truth, ``CLIP_FIELDS``; None: they were recorded."""
        ...

    @property
    def split(self) -> str:
        """Its name."""
        ...

    @property
    def sha256(self) -> str:
        """Of all of its clips."""
        ...


class ArraySource:
    """Examples held in memory.

    Raises:
        ValueError: there is no field, or the fields disagree in length.
    """

    def __init__(self, arrays: Mapping[str, np.ndarray]):
        lengths = {name: len(array) for name, array in arrays.items()}
        if len(set(lengths.values())) != 1:
            raise ValueError(f"fields of lengths {lengths}: there must be at least one, and all equally long")
        self.arrays = dict(arrays)

    def __len__(self) -> int:
        return len(next(iter(self.arrays.values())))

    def batch(self, indices: Int[np.ndarray, "b"]) -> dict[str, np.ndarray]:
        """Rows of every field."""
        return {name: array[indices] for name, array in self.arrays.items()}


def batches(
    source: Source,
    *,
    batch_size: int,
    seed: int,
    start: int = 0,
    shuffle: bool = True,
    process_index: int = 0,
    process_count: int = 1,
) -> Iterator[dict[str, np.ndarray]]:
    """Endless batches for one process, from global batch number ``start`` on.

    Batch n holds examples n · batch_size … of an endless sequence of epochs, each its own permutation of the source;
    a batch may span two. So a run that resumes at n sees what an uninterrupted one would have seen.

    Args:
        source: examples.
        batch_size: of all processes together.
        seed: of the permutations.
        start: number of the first batch.
        shuffle: permute each epoch.
        process_index: which contiguous part of every global batch to yield.
        process_count: number of parts.

    Raises:
        ValueError: the source is empty, a number is out of range, or the parts would not be equal.
    """
    if len(source) < 1 or batch_size < 1 or start < 0:
        raise ValueError(f"{len(source)} examples, batch_size {batch_size}, start {start}: need ≥ 1, ≥ 1 and ≥ 0")
    if not 0 <= process_index < process_count or batch_size % process_count:
        raise ValueError(
            f"process {process_index} of {process_count}, batch of {batch_size}: the index must be below the count, "
            "and the batch a multiple of it"
        )
    share = batch_size // process_count
    within = np.arange(share) + process_index * share

    def read(first: int, last: int) -> dict[str, np.ndarray]:
        places = np.arange(first, last)[:, None] * batch_size + within
        return source.batch(_examples(places.ravel(), len(source), seed, shuffle))

    return _prefetched(read, start, FOREVER, rows=share)


def epoch(source: Source, *, batch_size: int, start: int = 0, pad: bool = True) -> Iterator[dict[str, np.ndarray]]:
    """Every example once, in order; each batch also says which of its rows are ``valid``, bool [b].

    Args:
        source: examples.
        batch_size: rows.
        start: number of the first batch.
        pad: fill the last batch up with its last example, not ``valid``; otherwise the last batch may be smaller.

    Raises:
        ValueError: the source is empty, or no rows are asked for.
    """
    if len(source) < 1 or batch_size < 1:
        raise ValueError(f"{len(source)} examples, batch_size {batch_size}: need at least 1 of each")

    def read(first: int, last: int) -> dict[str, np.ndarray]:
        wanted = np.arange(first * batch_size, last * batch_size)
        valid = wanted < len(source)
        rows = np.minimum(wanted, len(source) - 1) if pad else wanted[valid]
        return {**source.batch(rows), "valid": valid if pad else valid[valid]}

    return _prefetched(read, start, -(-len(source) // batch_size), rows=batch_size)


def examples(count: int, *, number: int, batch_size: int, seed: int) -> Int[np.ndarray, "b"]:
    """Which of ``count`` examples stand in global batch ``number`` of a shuffled training, as ``batches`` has them."""
    return _examples(np.arange(number * batch_size, (number + 1) * batch_size), count, seed, True)


def _examples(place: Int[np.ndarray, "b"], count: int, seed: int, shuffle: bool) -> Int[np.ndarray, "b"]:
    """What stands at some places of the endless sequence of epochs."""
    number, within = np.divmod(place, count)
    if not shuffle:
        return within
    return np.array([_order(count, seed, int(e))[i] for e, i in zip(number, within, strict=True)])


@functools.lru_cache(maxsize=4)
def _order(count: int, seed: int, number: int) -> Int[np.ndarray, "n"]:
    """Permutation of one epoch."""
    key = np.array([(seed ^ counter_random.name_hash("epoch")) % 2**32, number % 2**32], np.uint32)
    return counter_random.permutation(key, count)


def _prefetched(
    read: Callable[[int, int], dict[str, np.ndarray]], start: int, stop: int, *, rows: int
) -> Iterator[dict[str, np.ndarray]]:
    """Batches ``start`` to ``stop`` of so many rows, in order, read ahead in a thread of tf.data's.

    ``read(first, last)`` gives the rows of a few together: small batches take less than the turn of a thread does.
    """
    import tensorflow as tf  # seconds, and needless to whoever wants only a Source

    if start >= stop:
        return
    tf.config.set_visible_devices([], "GPU")  # tf.data needs none; jax needs all of its memory
    alone = read(start, start + 1)
    names = sorted(alone)
    several = max(1, min(AT_ONCE, AT_ONCE_BYTES // sum(field.nbytes for field in alone.values())))
    failures: list[Exception] = []

    def fields(first: np.int64) -> list[np.ndarray]:
        try:
            batch = read(int(first), min(int(first) + several, stop))
        except Exception as failure:
            failures.append(failure)
            raise
        return [np.asarray(batch[name]) for name in names]

    @tf.autograph.experimental.do_not_convert
    def load(first: tf.Tensor) -> tuple[tf.Tensor, ...]:
        return tuple(tf.numpy_function(fields, [first], [alone[name].dtype for name in names], stateful=False))

    options = tf.data.Options()
    options.deterministic = True
    options.autotune.enabled = False  # there is nothing to tune
    dataset = tf.data.Dataset.range(start + 1, stop, several).map(load).prefetch(2).with_options(options)
    yield alone
    try:
        for values in dataset.as_numpy_iterator():
            for row in range(0, len(values[0]), rows):
                yield {name: value[row : row + rows] for name, value in zip(names, values, strict=True)}
    except tf.errors.OpError:
        if failures:
            raise failures[0] from None
        raise
