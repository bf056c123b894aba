import itertools

import numpy as np
import pytest

from futurepred_jax.data import pipeline
from futurepred_jax.data.pipeline import ArraySource, batches, epoch

COUNT = 22


@pytest.fixture
def source():
    return ArraySource({"index": np.arange(COUNT), "square": (np.arange(COUNT, dtype=np.float32) ** 2)[:, None]})


def indices(iterator, count):
    return [batch["index"] for batch in itertools.islice(iterator, count)]


def test_fields_stay_together(source):
    batch = next(batches(source, batch_size=6, seed=0))
    assert set(batch) == {"index", "square"}
    np.testing.assert_array_equal(batch["square"][:, 0], batch["index"] ** 2)
    assert batch["square"].dtype == np.float32
    assert batch["square"].shape == (6, 1)


@pytest.mark.parametrize("batch_size", [4, 6, 22, 30])
def test_every_epoch_is_another_permutation(source, batch_size):
    stream = np.concatenate(indices(batches(source, batch_size=batch_size, seed=1), -(-3 * COUNT // batch_size)))
    epochs = stream[: 3 * COUNT].reshape(3, COUNT)
    np.testing.assert_array_equal(np.sort(epochs), np.tile(np.arange(COUNT), (3, 1)))
    assert np.any(epochs[0] != epochs[1])
    assert np.any(epochs[1] != epochs[2])
    assert np.any(epochs[0] != np.arange(COUNT))


def test_start_gives_what_an_uninterrupted_run_would_have_seen(source):
    whole = indices(batches(source, batch_size=6, seed=3), 12)
    for start in (1, 3, 4, 11):  # 4: the batch spans two epochs
        np.testing.assert_array_equal(indices(batches(source, batch_size=6, seed=3, start=start), 1)[0], whole[start])
    np.testing.assert_array_equal(indices(batches(source, batch_size=6, seed=3, start=7), 5), whole[7:])


def test_seed_decides_the_order(source):
    one, same, other = (indices(batches(source, batch_size=11, seed=seed), 2) for seed in (5, 5, 6))
    np.testing.assert_array_equal(one, same)
    assert np.any(np.concatenate(one) != np.concatenate(other))


def test_without_shuffling_the_order_is_the_sources(source):
    stream = np.concatenate(indices(batches(source, batch_size=8, seed=0, shuffle=False), 4))
    np.testing.assert_array_equal(stream, np.arange(32) % COUNT)


@pytest.mark.parametrize("hosts", [1, 2, 4])
def test_any_number_of_hosts_gives_the_same_global_batches(source, hosts):
    whole = indices(batches(source, batch_size=8, seed=2), 6)
    given = {"batch_size": 8, "seed": 2, "process_count": hosts}
    parts = [indices(batches(source, process_index=host, **given), 6) for host in range(hosts)]
    for number, batch in enumerate(whole):
        share = [part[number] for part in parts]
        assert [len(rows) for rows in share] == [8 // hosts] * hosts
        np.testing.assert_array_equal(np.concatenate(share), batch)


@pytest.mark.parametrize(
    ("wrong", "rule"),
    [
        ({"batch_size": 0}, "need ≥ 1"),
        ({"start": -1}, "≥ 0"),
        ({"process_index": 2, "process_count": 2}, "index must be below"),
        ({"process_count": 4}, "a multiple of it"),
    ],
)
def test_impossible_batches_are_refused_at_once(source, wrong, rule):
    with pytest.raises(ValueError, match=rule):
        batches(source, **{"batch_size": 6, "seed": 0, **wrong})


def test_epoch_shows_everything_once_in_order(source):
    padded = list(epoch(source, batch_size=8))
    assert [len(batch["index"]) for batch in padded] == [8, 8, 8]
    np.testing.assert_array_equal(np.concatenate([b["index"][b["valid"]] for b in padded]), np.arange(COUNT))
    np.testing.assert_array_equal(padded[-1]["valid"], [True] * 6 + [False] * 2)
    np.testing.assert_array_equal(padded[-1]["index"][6:], COUNT - 1)
    whole = list(epoch(source, batch_size=8, pad=False))
    assert [len(batch["index"]) for batch in whole] == [8, 8, 6]
    assert all(batch["valid"].all() for batch in whole)


@pytest.mark.parametrize("together", [2, 3, 16])
def test_batches_that_are_read_together_are_those_read_alone(source, monkeypatch, together):
    streams = [
        lambda: indices(batches(source, batch_size=6, seed=3, start=2, process_index=1, process_count=2), 9),
        lambda: indices(epoch(source, batch_size=4, start=1, pad=False), 9),
        lambda: indices(epoch(source, batch_size=4), 9),
    ]
    found = {}
    for at_once in (1, together):
        monkeypatch.setattr(pipeline, "AT_ONCE", at_once)
        found[at_once] = [stream() for stream in streams]
    assert [len(stream) for stream in found[1]] == [9, 5, 6]
    for alone, ahead in zip(found[1], found[together], strict=True):
        for one, other in zip(alone, ahead, strict=True):
            np.testing.assert_array_equal(other, one)


def test_after_an_epoch_s_last_batch_there_is_none(source):
    assert len(indices(epoch(source, batch_size=4, start=5), 9)) == 1
    assert not indices(epoch(source, batch_size=4, start=6), 9)


def test_nothing_is_no_epoch(source):
    with pytest.raises(ValueError, match="at least 1"):
        epoch(source, batch_size=0)
    with pytest.raises(ValueError, match="at least 1"):
        epoch(ArraySource({"index": np.zeros(0)}), batch_size=2)


class Torn(ArraySource):
    def batch(self, indices):
        if 13 in indices:
            raise FileNotFoundError("shard 13 is gone")
        return super().batch(indices)


def test_an_error_of_the_source_arrives_as_it_is(source):
    with pytest.raises(FileNotFoundError, match="shard 13 is gone"):
        list(epoch(Torn(source.arrays), batch_size=4))


def test_fields_of_unequal_length_are_refused():
    with pytest.raises(ValueError, match="equally long"):
        ArraySource({"a": np.zeros(3), "b": np.zeros(4)})
    with pytest.raises(ValueError, match="at least one"):
        ArraySource({})
