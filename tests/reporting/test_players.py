"""A clip's sheet holds every frame of every panel where the page's script looks for it, and none twice."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from futurepred_jax.reporting import players
from futurepred_jax.reporting.players import Clip, pack


def films(size: int = 8) -> dict[str, np.ndarray]:
    """Two futures after one context."""
    rng = np.random.default_rng(0)
    context, *futures = (rng.integers(0, 256, (n, size, size + 2, 3), dtype=np.uint8) for n in (5, 3, 3))
    return {name: np.concatenate([context, f]) for name, f in zip(("truth", "prediction"), futures, strict=True)}


def tile(clip: Clip, number: int) -> np.ndarray:
    sheet = np.array(Image.open(io.BytesIO(base64.b64decode(clip.sheet.split(",")[1]))).convert("RGB"))
    y, x = (number // clip.columns) * clip.height, (number % clip.columns) * clip.width
    return sheet[y : y + clip.height, x : x + clip.width]


@pytest.mark.parametrize("width", [8192, 45])
def test_every_frame_is_found(monkeypatch, width):
    monkeypatch.setattr(players, "SHEET_WIDTH", width)  # 45 px: four tiles a row
    shown = films()
    clip = pack(shown, context=5, fps=6.0)
    assert (clip.frames, clip.context, clip.fps) == (8, 5, 6.0)
    for tiles, film in zip(clip.tiles, shown.values(), strict=True):
        assert tiles is not None
        for frame, number in enumerate(tiles):
            np.testing.assert_array_equal(tile(clip, number), film[frame])


def test_the_context_that_panels_share_is_stored_once():
    truth, prediction = pack(films(), context=5, fps=6.0).tiles
    assert truth
    assert prediction
    assert truth[:5] == prediction[:5]
    assert len({*truth, *prediction}) == 5 + 3 + 3


def test_a_panel_with_nothing_to_show_has_no_tiles():
    shown = films()
    assert [tiles is None for tiles in pack({**shown, "other": None}, context=5, fps=6.0).tiles] == [False, False, True]


def test_large_frames_are_compressed():
    smooth = np.broadcast_to(np.linspace(0, 255, 96, dtype=np.uint8)[:, None, None], (3, 96, 96, 3)).copy()
    clip = pack({"truth": smooth}, context=2, fps=6.0)
    assert clip.sheet.startswith("data:image/webp;base64,")
    assert np.abs(tile(clip, 0).astype(int) - smooth[0]).max() < 12
    assert pack(films(), context=5, fps=6.0).sheet.startswith("data:image/png;base64,")
