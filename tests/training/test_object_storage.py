"""A workdir may be in a bucket: what a training writes beside its arrays goes through epath, and comes back."""

from typing import ClassVar

import fsspec
import pytest
from etils import epath
from etils.epath import gpath
from fsspec.implementations.memory import MemoryFileSystem

from futurepred_jax.training import atomic, identity, manifest
from futurepred_jax.training.lease import Lease
from futurepred_jax.training.writers import METRICS, read_metrics, truncate


class Bucket(MemoryFileSystem):
    """Google's storage in memory: paths without a slash at the front, as gcsfs tells them."""

    protocol = ("gcs", "gs")
    store: ClassVar[dict] = {}
    pseudo_dirs: ClassVar[list] = [""]

    def glob(self, path, **options):
        return [str(found).lstrip("/") for found in super().glob(path, **options)]

    @classmethod
    def _strip_protocol(cls, path):
        return super()._strip_protocol(str(path).removeprefix("gs://"))


@pytest.fixture
def bucket(monkeypatch, request):
    monkeypatch.setattr(gpath, "_is_tf_installed", lambda: False)
    fsspec.register_implementation("gcs", Bucket, clobber=True)
    folder = epath.Path(f"gs://bucket/{request.node.name}")
    folder.mkdir(parents=True)
    return folder


def test_a_bucket_is_claimed_by_a_config_and_held_by_one_training(bucket):
    atomic.require_writable(bucket)
    identity.claim(bucket, {"seed": 1})
    identity.require_same(bucket, {"seed": 1})
    with pytest.raises(ValueError, match="seed: 2, there 1"):
        identity.claim(bucket, {"seed": 2})
    with Lease(bucket), pytest.raises(ValueError, match="is training in"), Lease(bucket):
        pass
    assert not list(bucket.glob(".lease*"))
    assert not list(bucket.glob("*partial*"))


def test_a_log_in_a_bucket_is_appended_to_and_cut(bucket):
    for step in (1, 2, 3):
        with (bucket / METRICS).open("a") as file:
            file.write(f'{{"step": {step}}}\n')
    truncate(bucket / METRICS, 2)
    assert [line["step"] for line in read_metrics(bucket / METRICS)] == [1, 2]


def test_a_damaged_object_is_noticed(bucket):
    part = bucket / "7" / "model" / "d"
    part.mkdir(parents=True)
    (part / "array").write_bytes(bytes(1000))
    manifest.write(bucket / "7", ["model"])
    assert manifest.problem(bucket / "7") is None
    (part / "array").write_bytes(bytes(999) + b"1")
    assert manifest.problem(bucket / "7") == "model/d/array does not have the bytes that were written"
