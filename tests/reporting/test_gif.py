"""The GIF: all frames, large enough, context told from future by colour."""

import io

import numpy as np
import pytest
from PIL import Image, ImageSequence

from futurepred_jax.reporting.gif import BAND, BORDER, CONTEXT, GAP, HOLD, PREDICTED, TRUTH, in_a_row, side_by_side


def decode(data: bytes) -> tuple[list[np.ndarray], list[int], Image.Image]:
    image = Image.open(io.BytesIO(data))
    pages = [(np.array(page.convert("RGB")), page.info["duration"]) for page in ImageSequence.Iterator(image)]
    return [page for page, _ in pages], [duration for _, duration in pages], image


def still(frames: int, level: int, size: tuple[int, int] = (32, 32)) -> np.ndarray:
    return np.full((frames, *size, 3), level, np.uint8)


@pytest.fixture(scope="module")
def gif():
    return decode(side_by_side(still(5, 90), still(4, 200), still(4, 30)))


def test_every_frame_is_there_even_where_nothing_moves(gif):
    pages, durations, image = gif
    assert len(pages) == 9
    assert image.info["loop"] == 0
    assert sum(durations[:-1]) == pytest.approx(8000 / 6, abs=10)
    assert durations[-1] == pytest.approx(1000 / 6 + 1000 * HOLD, abs=10)


def test_frames_are_enlarged_to_160_px(gif):
    assert gif[0][0].shape == (2 * GAP + BAND + 160, 3 * GAP + 2 * 160, 3)
    page = decode(side_by_side(still(1, 0, (48, 64)), still(1, 9, (48, 64)), still(1, 9, (48, 64))))[0][0]
    assert page.shape == (2 * GAP + BAND + 4 * 48, 3 * GAP + 2 * 4 * 64, 3)


def test_context_and_future_are_told_by_their_border(gif):
    pages, row = gif[0], GAP + BAND + 80
    left, right = GAP - BORDER + 1, 2 * GAP + 160 - BORDER + 1
    for step, page in enumerate(pages):
        colours = (CONTEXT, CONTEXT) if step < 5 else (TRUTH, PREDICTED)
        assert (tuple(page[row, left]), tuple(page[row, right])) == colours


def test_panels_show_truth_left_and_prediction_right(gif):
    pages, row = gif[0], GAP + BAND + 80
    shown = [(int(page[row, GAP + 80, 0]), int(page[row, 2 * GAP + 240, 0])) for page in (pages[4], pages[5], pages[8])]
    np.testing.assert_allclose(shown, [(90, 90), (200, 30), (200, 30)], atol=3)


def test_colours_survive_the_palette():
    y, x = np.mgrid[:32, :32]
    frame = np.stack([8 * x, 8 * y, 120 + 0 * x], axis=-1).astype(np.uint8)[None]
    page = decode(side_by_side(frame, frame, frame))[0][0]
    shown = page[GAP + BAND : GAP + BAND + 160 : 5, GAP : GAP + 160 : 5].astype(int)
    assert np.abs(shown - frame[0]).mean() < 6


def test_a_row_has_a_panel_for_each_video_and_refuses_other_lengths():
    growing = np.concatenate([still(1, level) for level in (230, 240, 250)])
    pages, _, _ = decode(in_a_row({"dark": still(3, 10), "grey": still(3, 120), "light": growing}))
    assert len(pages) == 3
    assert pages[0].shape == (2 * GAP + BAND + 160, 4 * GAP + 3 * 160, 3)
    middle = pages[2][GAP + BAND + 80]
    found = [int(middle[GAP + 80 + column * (160 + GAP)].mean()) for column in range(3)]
    assert found == pytest.approx([10, 120, 250], abs=2)
    with pytest.raises(ValueError, match="'short': 2, 'long': 3"):
        in_a_row({"short": still(2, 0), "long": still(3, 0)})
