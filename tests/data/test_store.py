import concurrent.futures
import dataclasses
import errno
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import materialize_slowly
import numpy as np
import pytest

from futurepred_jax.data import shards, store
from futurepred_jax.data.clips import make_clip, noisy
from futurepred_jax.data.shards import SHARD
from futurepred_jax.data.spec import in_split
from futurepred_jax.data.store import draw_part, materialize

SPEC = materialize_slowly.SPEC
COUNT = 2 * SHARD + 10


def draw(folder, count=COUNT, spec=SPEC, **options):
    return materialize(spec, "train", count, folder, **{"workers": 0, "progress": False, **options})


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """A folder with a split in it, never written to."""
    folder = tmp_path_factory.mktemp("drawn")
    return folder, draw(folder)


@pytest.fixture
def copied(drawn, tmp_path):
    """A copy of it to spoil."""
    shutil.copytree(drawn[0], tmp_path / "copy")
    return tmp_path / "copy"


def place(folder, spec=SPEC):
    return folder / spec.fingerprint() / "train"


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in sorted(Path(folder).rglob("*")) if path.is_file()}


def never(*_args):
    raise AssertionError("a clip was drawn again")


@pytest.mark.parametrize("indices", [[0, 1, 2], [137, 5, 64, 5], [63]])
def test_stored_clips_are_those_made_directly(drawn, indices):
    batch = drawn[1].batch(np.array(indices))
    for row, index in enumerate(indices):
        clip = make_clip(SPEC, "train", index)
        for name in clip:
            np.testing.assert_array_equal(batch[name][row], clip[name], err_msg=name)
            assert batch[name].dtype == clip[name].dtype
        np.testing.assert_array_equal(batch["noisy"][row], noisy(SPEC, "train", clip))
    assert np.any(batch["noisy"] != batch["video"])


def test_length_and_range(drawn):
    clips = drawn[1]
    assert len(clips) == COUNT
    for wrong in (-1, COUNT):
        with pytest.raises(IndexError, match=r"0 … 137"):
            clips.batch(np.array([0, wrong]))


def test_second_call_draws_and_writes_nothing(drawn, monkeypatch):
    folder, clips = drawn
    before = contents(folder)
    monkeypatch.setattr(shards, "make_clip", never)
    monkeypatch.setattr(store, "make_clip", never)
    assert draw(folder).sha256 == clips.sha256
    assert contents(folder) == before


def test_workers_make_the_same_split(drawn, tmp_path):
    subprocess.run([sys.executable, materialize_slowly.__file__, tmp_path, str(4 * SHARD), "2"], check=True)
    assert draw(tmp_path).sha256 == drawn[1].sha256
    assert len(list(place(tmp_path).glob("shard-*.npy"))) == 4


def test_killed_run_goes_on_to_the_same_sha256(drawn, tmp_path):
    script = [sys.executable, materialize_slowly.__file__, tmp_path, str(COUNT), "0"]
    process = subprocess.Popen(script)
    while not (first := shards.shard_path(place(tmp_path), 0)).exists():
        assert process.poll() is None
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    (place(tmp_path) / "shard-00001.part").write_bytes(b"half a shard")
    written = first.stat().st_mtime_ns
    assert draw(tmp_path).sha256 == drawn[1].sha256
    assert first.stat().st_mtime_ns == written, "a finished shard is kept"
    assert not list(place(tmp_path).glob("*.part"))


def test_more_clips_extend_and_fewer_open_the_first(drawn, copied, tmp_path):
    few = draw(copied, 70)
    assert len(few) == 70
    assert few.sha256 == draw(tmp_path / "few", 70).sha256 != drawn[1].sha256
    grown = draw(tmp_path / "few", COUNT)
    assert grown.sha256 == drawn[1].sha256
    np.testing.assert_array_equal(grown.batch(np.array([137]))["video"], drawn[1].batch(np.array([137]))["video"])


def flip_a_bit(path):
    """In the last clip of a shard."""
    with path.open("r+b") as file:
        file.seek(-1000, 2)
        byte = file.read(1)
        file.seek(-1000, 2)
        file.write(bytes([byte[0] ^ 1]))


def test_a_change_of_one_byte_changes_the_sha256(drawn, copied):
    (place(copied) / "index.json").unlink()
    flip_a_bit(shards.shard_path(place(copied), 1))
    assert draw(copied).sha256 != drawn[1].sha256


def test_a_flipped_bit_in_a_clip_is_told_when_it_is_read_and_mended_by_the_remedy(drawn, copied):
    path = shards.shard_path(place(copied), 1)
    flip_a_bit(path)
    clips = draw(copied)
    clips.batch(np.array([0, SHARD, 2 * SHARD]))
    with pytest.raises(ValueError, match=rf"clip {2 * SHARD - 1} of train is damaged: delete .*{path.name} and run"):
        clips.batch(np.array([0, 2 * SHARD - 1]))
    path.unlink()
    np.testing.assert_array_equal(
        draw(copied).batch(np.array([127]))["video"], drawn[1].batch(np.array([127]))["video"]
    )


def test_an_index_without_checksums_gets_them(drawn, copied):
    index = place(copied) / "index.json"
    document = json.loads(index.read_text())
    without = {number: {k: v for k, v in entry.items() if k != "crc32"} for number, entry in document["shards"].items()}
    index.write_text(json.dumps({**document, "shards": without}))
    assert draw(copied).checksums == drawn[1].checksums
    assert json.loads(index.read_text())["shards"] == document["shards"]


def test_parts_drawn_apart_are_the_split(drawn, tmp_path):
    for part in range(2):
        before = set(contents(tmp_path))
        draw_part(SPEC, "train", COUNT, tmp_path, part=part, parts=2, workers=0, progress=False)
        made = {path.name for path in set(contents(tmp_path)) - before if path.suffix == ".npy"}
        assert made == {f"shard-{number:05d}.npy" for number in range(part, 3, 2)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "draw_shard", never)
        assert draw(tmp_path).sha256 == drawn[1].sha256


def cut(path):
    path.write_bytes(path.read_bytes()[:-100])


def lengthen(path):
    path.write_bytes(path.read_bytes() + b"more")


def shorten(path):
    np.save(path, np.load(path)[:5])


def scribble(path):
    path.write_bytes(b"not a shard")


@pytest.mark.parametrize("damage", [cut, lengthen, scribble])
@pytest.mark.parametrize("number", [0, 2])
def test_damaged_shard_is_refused_and_kept(copied, damage, number):
    damage(shards.shard_path(place(copied), number))
    before = contents(copied)
    with pytest.raises(ValueError, match=f"delete the folder {place(copied)}"):
        draw(copied)
    assert contents(copied) == before


def test_shard_with_fewer_clips_than_the_index_says_is_refused(copied):
    shorten(shards.shard_path(place(copied), 2))
    with pytest.raises(ValueError, match="the index says 10"):
        draw(copied, 2 * SHARD + 3)


def test_split_of_another_specification_is_refused(copied):
    other = dataclasses.replace(SPEC, level="heavy")
    place(copied).rename(place(copied).with_name("moved"))
    place(copied, other).parent.mkdir()
    (copied / SPEC.fingerprint() / "moved").rename(place(copied, other))
    with pytest.raises(ValueError, match=f"{SPEC.fingerprint()}.*{other.fingerprint()}.*delete the folder"):
        draw(copied, spec=other)
    assert place(copied, other).exists()


def test_unreadable_index_is_refused(copied):
    (place(copied) / "index.json").write_text(json.dumps({"fingerprint": SPEC.fingerprint()})[:-5])
    with pytest.raises(ValueError, match=r"index.json cannot be read .* delete the folder"):
        draw(copied)


def test_only_the_fields_asked_for_are_kept(copied, tmp_path):
    clips = draw(tmp_path / "some", 3, fields=("index", "video"))
    assert list(clips.batch(np.arange(3))) == ["video", "index"]
    with pytest.raises(ValueError, match="holds the fields"):
        draw(copied, fields=("video", "index"))
    with pytest.raises(ValueError, match="known are video"):
        draw(tmp_path / "none", fields=("colour",))


def test_full_disk_is_said_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 9, 1000))  # type: ignore
    with pytest.raises(OSError, match=r"clips need .* MB.* free space .* run again") as caught:
        draw(tmp_path)
    assert caught.value.errno == errno.ENOSPC


def test_disk_that_fills_up_loses_nothing(drawn, tmp_path, monkeypatch):
    save, saved = np.save, []

    def fill(file, records):
        if len(saved) == 1:
            file.write(b"a part")
            raise OSError(errno.ENOSPC, "No space left on device")
        saved.append(save(file, records))

    monkeypatch.setattr(np, "save", fill)
    with pytest.raises(OSError, match=r"No space left on device.*finished shards are kept"):
        draw(tmp_path)
    assert [path.name for path in sorted(place(tmp_path).iterdir())] == ["lock", "shard-00000.npy"]
    monkeypatch.setattr(np, "save", save)
    assert draw(tmp_path).sha256 == drawn[1].sha256


def test_folder_that_is_a_file_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"cannot write clips to .* choose another folder"):
        draw(tmp_path / "file")


@pytest.mark.parametrize(("split", "count", "rule"), [("train", 0, "at least 1"), ("holiday", 3, "known are train")])
def test_nonsense_is_refused_before_a_folder_is_made(tmp_path, split, count, rule):
    with pytest.raises(ValueError, match=rule):
        materialize(SPEC, split, count, tmp_path, progress=False)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("split", ["test_long", "test_clutter_mixed_clean", "test_count"])
def test_a_split_is_stored_as_its_own_specification_draws_it(tmp_path, split):
    clips = materialize(SPEC, split, 1, tmp_path, workers=0, progress=False)
    assert clips.spec == in_split(SPEC, split) != SPEC
    batch = clips.batch(np.array([0]))
    assert batch["video"].shape[1] == clips.spec.length
    np.testing.assert_array_equal(batch["noisy"][0], noisy(SPEC, split, make_clip(SPEC, split, 0)))
    assert materialize(clips.spec, split, 1, tmp_path, progress=False).sha256 == clips.sha256


def test_more_shards_are_opened_than_files_were_allowed(tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    paths = [shards.shard_path(tmp_path, number) for number in range(40)]
    for path in paths:
        shards.write_whole(path, np.zeros(1, [("index", np.int32)]))
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/dev/fd")) + 20, hard))
        opened = [shards.open_shard(path, ("index",)) for path in paths]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert all(shard is not None for shard in opened)


def test_a_limit_of_files_that_cannot_be_raised_is_told(tmp_path, monkeypatch):
    def refused(*_, **__):
        raise OSError(errno.EMFILE, "Too many open files")

    path = shards.shard_path(tmp_path, 0)
    shards.write_whole(path, np.zeros(1, [("index", np.int32)]))
    monkeypatch.setattr(np, "load", refused)
    monkeypatch.setattr(resource, "getrlimit", lambda _: (64, 64))
    with pytest.raises(OSError, match=r"may have 64 files open, .* raise the limit"):
        shards.open_shard(path, ("index",))


def test_trainings_that_open_a_split_at_once_do_not_disturb_each_other(drawn, copied):
    """Each finds an index without checksums, and writes them."""
    [job, *_], folder = store._jobs(SPEC, "train", COUNT, copied, store.EVALUATION_FIELDS), place(copied)
    before = json.loads((folder / "index.json").read_text())
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: store._write_index(job, before["shards"]), range(200)))
    assert json.loads((folder / "index.json").read_text()) == before
    assert contents(copied).keys() == contents(drawn[0]).keys()
