"""Videos that a page can play and scrub by frame: all frames of a clip in one picture, embedded as a data URI."""

import base64
import dataclasses
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from einops import rearrange
from jaxtyping import UInt8
from PIL import Image

from futurepred_jax.reporting.workdir import Prediction

PANELS = {"truth": "Truth", "prediction": "Predicted", "copy_last": "Copy-last-frame"}
LOSSLESS_UP_TO = 64  # px a side; larger frames are stored as WebP of quality 90, a tenth of the bytes
SHEET_WIDTH = 8192  # px; browsers on phones refuse wider pictures


@dataclasses.dataclass(frozen=True)
class Player:
    """A clip ready to be played: frame f of panel p is tile p · frames + f of the sheet, ``columns`` tiles a row."""

    entry: dict[str, Any]
    sheet: str
    columns: int
    height: int
    width: int
    frames: int
    context: int
    fps: int | float


def make_player(prediction: Prediction) -> Player:
    """Pack truth, prediction and copy-last-frame, each after its context, into one sheet."""
    films = prediction.films
    panels = [np.concatenate([films["context"], films[name]]) for name in PANELS]
    _, height, width, _ = panels[0].shape
    columns = min(sum(map(len, panels)), SHEET_WIDTH // width)
    return Player(
        entry=prediction.entry,
        sheet=_data_uri(_sheet(panels, columns), lossless=max(height, width) <= LOSSLESS_UP_TO),
        columns=columns,
        height=height,
        width=width,
        frames=len(panels[0]),
        context=len(films["context"]),
        fps=prediction.entry.get("fps", 6.0),
    )


def _sheet(panels: Sequence[UInt8[np.ndarray, "t h w 3"]], columns: int) -> UInt8[np.ndarray, "_y _x 3"]:
    tiles = np.concatenate(panels)
    count, height, width, _ = tiles.shape
    rows = -(-count // columns)
    tiles = np.concatenate([tiles, np.zeros((rows * columns - count, height, width, 3), np.uint8)])
    return rearrange(tiles, "(rows columns) h w c -> (rows h) (columns w) c", columns=columns)


def _data_uri(picture: UInt8[np.ndarray, "_y _x 3"], *, lossless: bool) -> str:
    file = io.BytesIO()
    image = Image.fromarray(picture)
    if lossless:
        image.save(file, "PNG", optimize=True)
    else:
        image.save(file, "WEBP", quality=90)
    return f"data:image/{'png' if lossless else 'webp'};base64,{base64.b64encode(file.getvalue()).decode()}"
