import functools
import zipfile

import numpy as np
import pytest

from futurepred_jax.data.recorded import Cut, Recording, arrays, describe, record_clips
from futurepred_jax.data.recorded.recording import in_split
from futurepred_jax.data.shards import alone

CUT = Cut(size=16, frames=4, fps=6.0)


def video(number: int, count: int) -> np.ndarray:
    """Every frame says which it is of which recording."""
    frames = np.zeros((count, 16, 16, 3), np.uint8)
    frames[..., 0], frames[..., 1] = number, np.arange(count)[:, None, None]
    return frames


def recordings(count=40, lengths=(9,)):
    return [
        Recording(f"{i}", "1", functools.partial(lambda i, _: video(i, lengths[i % len(lengths)]), i))
        for i in range(count)
    ]


def opened(folder, split="train", given=None, **options):
    return record_clips(given or recordings(), split, CUT, folder, held_out=0.2, **options)


def test_clips_are_consecutive_frames_of_one_recording(tmp_path):
    clips = opened(tmp_path)
    batch = clips.batch(np.arange(len(clips)))
    wanted = [int(recording.name) for recording in in_split(recordings(), "train", held_out=0.2)]
    assert len(clips) == 2 * len(wanted)  # of 9 frames, two clips of 4, and one is left
    found = batch["video"][:, :, 0, 0]
    assert (found[:, :, 0] == found[:, :1, 0]).all()
    starts = sorted((int(number), int(first)) for number, first in found[:, 0, :2])
    assert starts == sorted((number, first) for number in wanted for first in (0, 4))
    assert (np.diff(found[:, :, 1].astype(int), axis=1) == 1).all()
    np.testing.assert_array_equal(batch["noisy"], batch["video"])
    assert clips.spec is None


def test_the_first_clips_come_from_many_recordings(tmp_path):
    clips = opened(tmp_path, given=recordings(20, lengths=(400,)))
    assert len(set(clips.batch(np.arange(24))["video"][:, 0, 0, 0, 0])) > 6


def test_clips_are_cut_once_and_anew_when_a_recording_changed(tmp_path):
    first = opened(tmp_path)

    def never(cut):
        raise AssertionError("read again")

    unread = [Recording(r.name, r.version, never) for r in recordings()]
    again = opened(tmp_path, given=unread)
    assert again.sha256 == first.sha256
    np.testing.assert_array_equal(again.batch(np.arange(5))["video"], first.batch(np.arange(5))["video"])
    changed = [Recording(r.name, "2", r.read) for r in recordings(lengths=(8, 13))]
    assert opened(tmp_path, given=changed).sha256 != first.sha256


def test_what_another_process_cuts_meanwhile_is_not_cut_again(tmp_path, monkeypatch):
    reads = []

    def counted(cut, recording):
        reads.append(recording.name)
        return recording.read(cut)

    given = [Recording(r.name, r.version, functools.partial(counted, recording=r)) for r in recordings()]

    def behind_another(place):
        monkeypatch.undo()
        opened(tmp_path, given=given)
        return alone(place)

    monkeypatch.setattr("futurepred_jax.data.recorded.clips.alone", behind_another)
    opened(tmp_path, given=given)
    assert len(reads) == len(in_split(given, "train", held_out=0.2))


def test_a_recording_that_is_too_short_is_an_error_or_named_and_counted(tmp_path):
    given = recordings(lengths=(9, 3))
    with pytest.raises(ValueError, match=r"\d+: it has 3 frames at 6 a second, a clip takes 4.*on_error=skip"):
        opened(tmp_path, given=given)
    clips = opened(tmp_path, given=given, on_error="skip")
    short = {r.name for r in in_split(given, "train", held_out=0.2) if int(r.name) % 2}
    assert set(clips.skipped) == short
    said = describe(clips)
    assert f"train: {len(clips)} clips, {len(short)} recordings skipped" in said
    assert all(f"skipped {name}: it has 3 frames" in said for name in short)
    with pytest.raises(ValueError, match="on_error=skip"):
        opened(tmp_path, given=given)  # though its clips are there


def test_nothing_but_bad_recordings_is_an_error_in_any_case(tmp_path):
    with pytest.raises(ValueError, match=r"none of the \d+ recordings of train gives a clip"):
        opened(tmp_path, given=recordings(lengths=(1,)), on_error="skip")
    with pytest.raises(ValueError, match="known are raise, skip"):
        opened(tmp_path, on_error="ignore")


def test_missing_shards_and_indices_out_of_range_are_refused(tmp_path):
    clips = opened(tmp_path)
    with pytest.raises(IndexError, match="it has 0"):
        clips.batch(np.array([len(clips)]))
    next(tmp_path.rglob("shard-00000.npy")).unlink()
    with pytest.raises(ValueError, match="delete that folder and run again"):
        opened(tmp_path)


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_arrays_give_a_recording_for_each_video(tmp_path, suffix):
    videos = np.stack([video(i, 9) for i in range(6)])
    path = tmp_path / f"videos{suffix}"
    np.save(path, videos) if suffix == ".npy" else np.savez_compressed(path, video=videos, other=np.zeros(3))
    found = arrays.recordings(str(path))
    assert [recording.name for recording in found] == [str(i) for i in range(6)]
    np.testing.assert_array_equal(found[3].read(CUT), videos[3])
    assert found[3].read(Cut(size=8, frames=4, fps=6.0)).shape == (9, 8, 8, 3)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"video": np.zeros((2, 5, 8, 8, 3), np.float32)}, r"holds float32 \[2, 5, 8, 8, 3\]: needs uint8"),
        ({"video": np.zeros((5, 8, 8, 3), np.uint8)}, "needs uint8"),
        ({"a": np.zeros(3), "b": np.zeros(3)}, "holds the arrays a, b: call the one to use 'video'"),
        ({"video": np.array([{}], dtype=object)}, "cannot be read"),
        ({"video": np.zeros((0, 5, 8, 8, 3), np.uint8)}, r"holds uint8 \[0, 5, 8, 8, 3\]: .* no axis of 0"),
        ({"video": np.zeros((2, 0, 8, 8, 3), np.uint8)}, "no axis of 0"),
        ({"video": np.zeros((2, 5, 0, 8, 3), np.uint8)}, "no axis of 0"),
    ],
)
def test_arrays_of_another_kind_are_refused_and_nothing_is_unpickled(tmp_path, content, message):
    np.savez(tmp_path / "a.npz", **content)
    with pytest.raises(ValueError, match=message):
        arrays.recordings(str(tmp_path / "a.npz"))


def test_what_is_no_array_says_so(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"words")
    with pytest.raises(ValueError, match=r"is no \.npy or .npz of numbers"):
        arrays.recordings(str(tmp_path / "a.npz"))
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as file:
        file.writestr("video", "words")
    with pytest.raises(ValueError, match=r"a\.npz holds .*: needs uint8"):
        arrays.recordings(str(tmp_path / "a.npz"))
    np.save(tmp_path / "b.npy", np.array([{}], dtype=object))
    with pytest.raises(ValueError, match=r"is no \.npy or .npz of numbers"):
        arrays.recordings(str(tmp_path / "b.npy"))
