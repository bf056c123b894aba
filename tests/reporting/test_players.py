"""A player's sheet holds every frame of every panel where the page's script looks for it."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from futurepred_jax.reporting import players
from futurepred_jax.reporting.players import PANELS, make_player
from futurepred_jax.reporting.workdir import Prediction


def prediction(size: int = 8) -> Prediction:
    rng = np.random.default_rng(0)
    lengths = {"context": 5, "truth": 3, "prediction": 3, "copy_last": 3}
    films = {name: rng.integers(0, 256, (n, size, size + 2, 3), dtype=np.uint8) for name, n in lengths.items()}
    return Prediction({"split": "test_iid", "index": 0, "why": "random", "scores": {}}, films)


def tile(player: players.Player, number: int) -> np.ndarray:
    sheet = np.array(Image.open(io.BytesIO(base64.b64decode(player.sheet.split(",")[1]))).convert("RGB"))
    y, x = (number // player.columns) * player.height, (number % player.columns) * player.width
    return sheet[y : y + player.height, x : x + player.width]


@pytest.mark.parametrize("width", [8192, 75])
def test_every_frame_is_found(monkeypatch, width):
    monkeypatch.setattr(players, "SHEET_WIDTH", width)  # 75 px: seven tiles a row, so that panels wrap
    shown = prediction()
    player = make_player(shown)
    assert (player.frames, player.context, player.fps) == (8, 5, 6.0)
    for panel, name in enumerate(PANELS):
        film = np.concatenate([shown.films["context"], shown.films[name]])
        for frame in range(8):
            np.testing.assert_array_equal(tile(player, panel * 8 + frame), film[frame])


def test_large_frames_are_compressed():
    smooth = np.broadcast_to(np.linspace(0, 255, 96, dtype=np.uint8)[:, None, None], (3, 96, 96, 3)).copy()
    player = make_player(Prediction({}, dict.fromkeys(("context", *PANELS), smooth)))
    assert player.sheet.startswith("data:image/webp;base64,")
    assert np.abs(tile(player, 7).astype(int) - smooth[0]).max() < 12
    assert make_player(prediction()).sheet.startswith("data:image/png;base64,")
