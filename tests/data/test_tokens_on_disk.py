"""Tokens are made once, from the clips as they are predicted, and only their own tokenizer's are read again."""

import json

import numpy as np
import pytest

from futurepred_jax.data import token_shards, tokens
from futurepred_jax.data.pipeline import ArraySource, Source
from futurepred_jax.data.spec import ClutterSpec
from futurepred_jax.data.store import StoredClips
from futurepred_jax.data.tokens import TokensInContext, stored_tokens

VIDEO = np.random.default_rng(0).integers(0, 100, (5, 3, 4, 4, 3), dtype=np.uint8)
CLIPS = {"spec": ClutterSpec(), "split": "train", "count": 5, "sha256": "abc", "shards": (), "checksums": ()}


class Clips(StoredClips):
    def batch(self, indices):
        return {"video": VIDEO[indices], "noisy": VIDEO[indices] + np.uint8(100)}


class Killed(Exception):
    """Stands for the end of the process."""


class Encoder:
    """The first pixel of every frame is its token, of one digit; ``batches`` of them, then the process ends."""

    def __init__(self, batches: int):
        self.seen, self._batches = [], batches

    def __call__(self, video):
        if len(self.seen) == self._batches:
            raise Killed
        self.seen.append(video)
        return video[:, :, :1, :1, :1].astype(np.int32)


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    for module in (token_shards, tokens):
        monkeypatch.setattr(module, "SHARD", 2)


def make(folder, identity="one", clips="abc", size=256, batches=9, batch_size=2):
    encode = Encoder(batches)
    given = Clips(**{**CLIPS, "sha256": clips})
    source = stored_tokens(given, encode, folder, context=2, sizes=(size,), identity=identity, batch_size=batch_size)
    return source.arrays["tokens"], encode.seen


def contents(folder):
    return {path.name: path.read_bytes() for path in (folder / "train-5").iterdir()}


def test_encoder_sees_a_noisy_context_and_a_clean_future(tmp_path):
    found, seen = make(tmp_path)
    video = np.concatenate(seen)[:5]
    np.testing.assert_array_equal(video[:, :2], VIDEO[:, :2] + 100)
    np.testing.assert_array_equal(video[:, 2:], VIDEO[:, 2:])
    np.testing.assert_array_equal(found[..., 0, 0, 0], video[:, :, 0, 0, 0])
    assert found.dtype == np.uint16


def test_the_second_call_encodes_nothing_and_reads_the_same(tmp_path):
    first, _ = make(tmp_path)
    before = contents(tmp_path)
    second, seen = make(tmp_path)
    np.testing.assert_array_equal(first, second)
    assert not seen
    assert contents(tmp_path) == before


def test_any_reader_of_tfrecords_reads_them_by_the_index(tmp_path):
    import tensorflow as tf

    found, _ = make(tmp_path)
    index = json.loads((tmp_path / "train-5/index.json").read_text())
    files = [str(tmp_path / "train-5" / shard["file"]) for shard in index["shards"]]
    records = tf.data.TFRecordDataset(files).map(lambda record: tf.io.decode_raw(record, tf.uint16))
    read = np.stack([row.reshape(index["shape"]) for row in records.as_numpy_iterator()])
    np.testing.assert_array_equal(read, found)
    assert [shard["records"] for shard in index["shards"]] == [2, 2, 1]
    assert index["origin"] == {"tokenizer": "one", "clips": "abc", "count": 5, "context": 2}


@pytest.mark.parametrize("batches", [0, 1, 2])
def test_killed_and_resumed_it_ends_with_the_same_bytes(tmp_path, batches):
    make(tmp_path / "whole")
    with pytest.raises(Killed):
        make(tmp_path / "cut", batches=batches)
    _, seen = make(tmp_path / "cut")
    assert len(seen) == 3 - batches  # finished shards are not made again
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")


@pytest.mark.parametrize(
    ("other", "said"), [({"identity": "two"}, "tokenizer two, there one"), ({"clips": "abd"}, "clips abd, there abc")]
)
def test_tokens_of_another_tokenizer_or_of_other_clips_are_refused_and_stay(tmp_path, other, said):
    make(tmp_path)
    before = contents(tmp_path)
    with pytest.raises(ValueError, match=rf"{said}\. A training reads only .* delete the folder .*train-5 and run"):
        make(tmp_path, **other)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("place", [0, 8, 12, -1], ids=["length", "its checksum", "token", "checksum"])
def test_a_flipped_byte_is_refused_by_the_name_of_its_shard(tmp_path, place):
    make(tmp_path)
    path = tmp_path / "train-5/tokens-00001.tfrecord"
    damaged = bytearray(path.read_bytes())
    damaged[place] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(ValueError, match=r"tokens-00001\.tfrecord is damaged, .* delete the folder .* and run again"):
        make(tmp_path)


def test_a_missing_shard_and_a_broken_index_are_refused(tmp_path):
    make(tmp_path)
    (tmp_path / "train-5/tokens-00001.tfrecord").unlink()
    with pytest.raises(ValueError, match=r"tokens-00001\.tfrecord is missing, .* delete the folder"):
        make(tmp_path)
    (tmp_path / "train-5/index.json").write_text("{")
    with pytest.raises(ValueError, match=r"index\.json cannot be read .* delete the folder"):
        make(tmp_path)


def test_codes_that_uint16_cannot_tell_apart_are_refused(tmp_path):
    make(tmp_path / "most", size=1 << 16)
    with pytest.raises(ValueError, match=r"65,537 codes: .*uint16.*quantizer\.groups"):
        make(tmp_path, size=(1 << 16) + 1)


def test_tokens_have_the_noisy_context_of_their_own_clip_beside_them_and_nothing_of_its_future():
    source = TokensInContext(ArraySource({"tokens": np.arange(5)}), Clips(**CLIPS), context=2)
    assert isinstance(source, Source)
    assert len(source) == 5
    batch = source.batch(np.array([3, 0]))
    np.testing.assert_array_equal(batch["tokens"], [3, 0])
    np.testing.assert_array_equal(batch["context"], VIDEO[[3, 0], :2] + 100)
    assert set(batch) == {"tokens", "context"}


def test_what_learns_of_the_future_has_its_frames_without_noise():
    source = TokensInContext(ArraySource({"tokens": np.arange(5)}), Clips(**CLIPS), context=2, with_future=True)
    batch = source.batch(np.array([3, 0]))
    np.testing.assert_array_equal(batch["context"], VIDEO[[3, 0], :2] + 100)
    np.testing.assert_array_equal(batch["future"], VIDEO[[3, 0], 2:])
