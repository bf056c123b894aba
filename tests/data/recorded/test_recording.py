import numpy as np
import pytest

from futurepred_jax.data.recorded import Recording
from futurepred_jax.data.recorded.recording import fit, in_split

SPLITS = ("train", "val_iid", "test_iid")


def named(*names):
    return [Recording(name, "", lambda cut: np.zeros((0, cut.size, cut.size, 3), np.uint8)) for name in names]


def split_of(recordings, held_out=0.1):
    return {r.name: split for split in SPLITS for r in in_split(recordings, split, held_out=held_out)}


def test_splits_share_no_recording_and_leave_none_out():
    recordings = named(*(f"clip-{i}.mp4" for i in range(1000)))
    splits = [{r.name for r in in_split(recordings, split, held_out=0.1)} for split in SPLITS]
    assert sum(map(len, splits)) == len(set.union(*splits)) == 1000
    assert 70 < len(splits[1]) < 130
    assert 70 < len(splits[2]) < 130


def test_a_recording_keeps_its_split_whatever_is_beside_it():
    many = named(*(f"clip-{i}.mp4" for i in range(300)))
    whole = split_of(many)
    assert split_of(many[::-1][:200]).items() <= whole.items()
    assert split_of(named("clip-0.mp4", "clip-7.mp4", "clip-11.mp4", "clip-33.mp4"), 0.3)


def test_a_larger_share_takes_nothing_from_test():
    many = named(*(f"{i}" for i in range(300)))
    small, large = (in_split(many, "test_iid", held_out=share) for share in (0.1, 0.2))
    assert {r.name for r in small} < {r.name for r in large}


def test_an_empty_split_names_the_share_that_would_fill_it():
    few = named("a.mp4", "b.mp4", "c.mp4", "d.mp4", "e.mp4")
    with pytest.raises(ValueError, match=r"none of the 5 recordings.*config\.data\.held_out=0\.\d+") as raised:
        split_of(few, 0.01)
    share = float(str(raised.value).split("held_out=")[1].split(",")[0])
    assert set(split_of(few, share).values()) == set(SPLITS)
    with pytest.raises(ValueError, match="no share suits"):
        in_split(named("alone.mp4"), "val_iid", held_out=0.01)


@pytest.mark.parametrize(
    ("recordings", "split", "held_out", "message"),
    [
        ([], "train", 0.1, "there are no recordings"),
        (named("a", "a"), "train", 0.1, "the same name"),
        (named("a"), "test_shape", 0.1, r"no split 'test_shape'; known are train, test_iid, val_iid"),
        (named("a"), "train", 0.5, "above 0 and below 0.5"),
    ],
)
def test_what_cannot_be_split_says_why(recordings, split, held_out, message):
    with pytest.raises(ValueError, match=message):
        in_split(recordings, split, held_out=held_out)


def test_reduction_does_not_alias():
    stripes = np.zeros((96, 96, 3), np.uint8)
    stripes[:, ::2] = 255
    small = fit(stripes, 16).astype(int)
    assert np.ptp(small[:, 1:-1]) < 8
    assert abs(small[8, 8, 0] - 127) < 4


@pytest.mark.parametrize("shape", [(32, 64, 3), (64, 32, 3), (32, 64, 1)])
def test_the_centre_is_kept_and_grey_becomes_rgb(shape):
    frame = np.zeros(shape, np.uint8)
    top, left = (shape[0] - 32) // 2, (shape[1] - 32) // 2
    frame[top : top + 32, left : left + 32] = 200
    square = fit(frame, 16)
    assert square.shape == (16, 16, 3)
    assert square[2:-2, 2:-2].min() > 190  # nothing of the black sides


def test_a_frame_of_the_right_size_is_left_alone():
    frame = np.random.default_rng(0).integers(0, 255, (16, 16, 3)).astype(np.uint8)
    np.testing.assert_array_equal(fit(frame, 16), frame)
