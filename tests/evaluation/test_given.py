"""Predictions made elsewhere are taken as they are, or refused with what is wrong."""

import zipfile

import numpy as np
import pytest

from futurepred_jax.evaluation.given import digest, read_predictions, require_one_split

SHAPE = (3, 2, 4, 4, 3)


def write(path, **arrays: np.ndarray):
    np.savez(path, **arrays)  # pyright: ignore[reportArgumentType]
    return path


def test_bytes_and_unit_floats_are_the_same_frames(tmp_path):
    frames = np.random.default_rng(0).integers(0, 256, SHAPE, dtype=np.uint8)
    as_bytes = read_predictions(write(tmp_path / "bytes.npz", video=frames), SHAPE)
    as_floats = read_predictions(write(tmp_path / "floats.npz", video=frames / 255), SHAPE)
    np.testing.assert_allclose(as_bytes, as_floats, atol=1e-6)
    assert as_bytes.dtype == as_floats.dtype == np.float32
    assert digest(tmp_path / "bytes.npz") != digest(tmp_path / "floats.npz")


def with_value(value: float) -> np.ndarray:
    video = np.zeros(SHAPE)
    video[1, 1, 0, 0, 0] = value
    return video


@pytest.mark.parametrize(
    ("video", "message"),
    [
        (np.zeros((2, *SHAPE[1:])), r"shape \(2, 2, 4, 4, 3\), scored are \(3, 2, 4, 4, 3\)"),
        (np.zeros((3, 2, 3, 4, 4)), "scored are"),
        (with_value(1.5), r"holds 0\.0 to 1\.5: floats must lie in \[0, 1\]"),
        (with_value(1 + 1e-9), r"holds 0\.0 to 1\.000000001"),
        (with_value(-0.1), "rescale or clip"),
        (with_value(np.nan), "not finite, first in clip 1, frame 1"),
        (np.zeros(SHAPE, np.int64), "is int64: give uint8"),
    ],
)
def test_frames_that_cannot_be_scored_are_refused(tmp_path, video, message):
    with pytest.raises(ValueError, match=message):
        read_predictions(write(tmp_path / "wrong.npz", video=video), SHAPE)


def test_one_file_is_not_scored_on_several_splits():
    require_one_split(["test_iid"])
    with pytest.raises(ValueError, match="predictions of test_iid, test_speed: a file holds those of one split"):
        require_one_split(["test_iid", "test_speed"])


def test_files_that_hold_no_frames_are_refused(tmp_path):
    with pytest.raises(ValueError, match="no file"):
        read_predictions(tmp_path / "missing.npz", SHAPE)
    with pytest.raises(ValueError, match="has the arrays frames: name the predicted frames 'video'"):
        read_predictions(write(tmp_path / "named.npz", frames=np.zeros(SHAPE)), SHAPE)
    (tmp_path / "text.npz").write_text("no archive")
    with pytest.raises(ValueError, match="is no npz"):
        read_predictions(tmp_path / "text.npz", SHAPE)


def test_damaged_files_are_refused_by_name(tmp_path):
    path = write(tmp_path / "flipped.npz", video=np.zeros(SHAPE))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    objects = write(tmp_path / "objects.npz", video=np.array([{}], dtype=object))
    for damaged in (path, objects):
        with pytest.raises(ValueError, match=rf"{damaged.name} cannot be read .*: write it with numpy\.savez"):
            read_predictions(damaged, SHAPE)
    with zipfile.ZipFile(tmp_path / "words.npz", "w") as file:
        file.writestr("video", "words")
    with pytest.raises(ValueError, match=r"words\.npz: video has the shape \(\)"):
        read_predictions(tmp_path / "words.npz", SHAPE)
    with pytest.raises(ValueError, match="no file"):
        read_predictions(tmp_path, SHAPE)
