"""The stand-in for Moving MNIST moves as that does, and shares no digit between splits."""

import numpy as np
import pytest

from futurepred_jax.data.recorded import Cut, digits
from futurepred_jax.data.recorded.recording import in_split

CUT = Cut(size=64, frames=9, fps=6.0)


def plain(count: int) -> np.ndarray:
    """Digits that are full squares, each of its own brightness."""
    return np.broadcast_to(np.arange(1, count + 1, dtype=np.uint8)[:, None, None], (count, 28, 28))


def corners(video: np.ndarray) -> np.ndarray:
    """Row and column of the brighter digit's corner, frame by frame: nothing covers it."""
    shown = video[..., 0] == video.max()
    return np.stack([shown.any(axis=3 - axis).argmax(axis=1) for axis in (1, 2)], axis=1)


def test_digits_move_3_6_px_a_frame_and_turn_back_at_the_border():
    found = [corners(digits.draw(number, plain(2))) for number in range(20)]
    steps = np.concatenate([np.diff(each, axis=0) for each in found])
    assert np.abs(steps).max() <= 4
    assert np.sqrt(np.square(steps).sum(axis=1).mean()) == pytest.approx(3.6, abs=0.35)  # but where they turn
    assert min(each.min() for each in found) == 0
    assert max(each.max() for each in found) in (35, 36)
    assert len(np.unique(np.sign(np.concatenate(found[:5]) - 18))) == 3


def test_where_two_digits_overlap_the_brighter_shows():
    videos = [digits.draw(number, plain(2)) for number in range(10)]
    assert all((video == 2).sum() == digits.LENGTH * 28 * 28 for video in videos)
    assert min((video == 1).sum() for video in videos) < digits.LENGTH * 28 * 28


def test_a_video_is_a_function_of_its_number():
    np.testing.assert_array_equal(digits.draw(3, plain(2)), digits.draw(3, plain(2)))
    assert (digits.draw(3, plain(2)) != digits.draw(4, plain(2))).any()


def test_no_digit_is_in_two_splits():
    films = digits.films(plain(81))
    seen = []
    for split in ("train", "val_iid", "test_iid"):
        videos = [film.read(CUT) for film in in_split(films, split, held_out=0.2)]
        assert videos[0].shape == (digits.LENGTH, 64, 64, 3)
        seen += [{*np.unique(np.stack(videos)).tolist()} - {0}]
    assert sum(map(len, seen)) == len(set.union(*seen)) == 80


def test_without_scikit_learn_the_remedy_is_told(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(ValueError, match=r"pip install 'futurepred-jax\[digits\]'"):
        digits.recordings("")
    with pytest.raises(ValueError, match="have no place; say digits"):
        digits.recordings("mnist")


def test_the_handwritten_digits_are_drawn_by_scikit_learn():
    pytest.importorskip("sklearn", reason='needs pip install -e ".[digits]"')
    films = digits.recordings("")
    assert len({film.name for film in films}) == 898
    video = films[0].read(CUT)
    assert 200 < video.max() <= 255
    assert 0.02 < (video > 127).mean() < 0.4
