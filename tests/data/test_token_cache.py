"""Tokens are made once, from the clips as they are predicted."""

import numpy as np
import pytest

from futurepred_jax.data.pipeline import ArraySource, Source
from futurepred_jax.data.spec import ClutterSpec
from futurepred_jax.data.store import StoredClips
from futurepred_jax.data.tokens import TokensInContext, cached_tokens

VIDEO = np.random.default_rng(0).integers(0, 100, (5, 3, 4, 4, 3), dtype=np.uint8)


class Clips(StoredClips):
    def batch(self, indices):
        return {"video": VIDEO[indices], "noisy": VIDEO[indices] + np.uint8(100)}


class Encoder:
    """The first pixel of every frame is its token, of one digit."""

    def __init__(self):
        self.seen = []

    def __call__(self, video):
        self.seen.append(video)
        return video[:, :, :1, :1, :1].astype(np.int32)


@pytest.fixture
def make(tmp_path):
    clips = Clips(spec=ClutterSpec(), split="train", count=5, sha256="abc", shards=(), checksums=())

    def cached(identity: str = "one"):
        encode = Encoder()
        source = cached_tokens(clips, encode, tmp_path, context=2, sizes=(256,), identity=identity, batch_size=2)
        return source.arrays["tokens"], encode.seen

    return cached


def test_encoder_sees_a_noisy_context_and_a_clean_future(make):
    tokens, seen = make()
    video = np.concatenate(seen)[:5]
    np.testing.assert_array_equal(video[:, :2], VIDEO[:, :2] + 100)
    np.testing.assert_array_equal(video[:, 2:], VIDEO[:, 2:])
    np.testing.assert_array_equal(tokens[..., 0, 0, 0], video[:, :, 0, 0, 0])
    assert tokens.dtype == np.uint8


def test_the_second_call_encodes_nothing(make):
    first, _ = make()
    second, seen = make()
    np.testing.assert_array_equal(first, second)
    assert not seen


def test_another_tokenizer_encodes_anew(make):
    make()
    assert make("two")[1]


def test_a_cut_off_file_is_made_again(make, tmp_path):
    first, _ = make()
    path = tmp_path / "train.npz"
    for size in (len(path.read_bytes()) // 2, 0):
        path.write_bytes(path.read_bytes()[:size])
        again, seen = make()
        assert seen
        np.testing.assert_array_equal(first, again)


def test_tokens_have_the_noisy_context_of_their_own_clip_beside_them_and_nothing_of_its_future():
    clips = Clips(spec=ClutterSpec(), split="train", count=5, sha256="abc", shards=(), checksums=())
    source = TokensInContext(ArraySource({"tokens": np.arange(5)}), clips, context=2)
    assert isinstance(source, Source)
    assert len(source) == 5
    batch = source.batch(np.array([3, 0]))
    np.testing.assert_array_equal(batch["tokens"], [3, 0])
    np.testing.assert_array_equal(batch["context"], VIDEO[[3, 0], :2] + 100)
