"""Videos that a page can play and scrub by frame: all frames of a clip in one picture, embedded as a data URI."""

import base64
import dataclasses
import io
from collections.abc import Mapping
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
    """A clip ready to be played: frame f of panel p is tile p · frames + f of the sheet, ``columns`` tiles a row.

    ``entry`` is what is told of the clip, ``panels`` are its names and labels.
    """

    entry: dict[str, Any]
    panels: dict[str, str]
    sheet: str
    columns: int
    height: int
    width: int
    frames: int
    context: int
    fps: int | float


def make_player(prediction: Prediction) -> Player:
    """Pack truth, prediction and copy-last-frame, each after its context, into one sheet."""
    context = prediction.films["context"]
    films = {name: np.concatenate([context, prediction.films[name]]) for name in PANELS}
    return pack(prediction.entry, PANELS, films, context=len(context), fps=prediction.entry.get("fps", 6.0))


def pack(
    entry: dict[str, Any],
    panels: dict[str, str],
    films: Mapping[str, UInt8[np.ndarray, "t h w 3"]],
    *,
    context: int,
    fps: int | float,
) -> Player:
    """Pack films of one shape, one a panel, into a sheet; ``context`` is how many of their frames a model sees."""
    tiles = np.stack([films[name] for name in panels])
    _, frames, height, width, _ = tiles.shape
    tiles = rearrange(tiles, "p t h w c -> (p t) h w c")
    columns = min(len(tiles), SHEET_WIDTH // width)
    uri = picture_uri(arrange(tiles, columns), lossless=max(height, width) <= LOSSLESS_UP_TO)
    return Player(entry, panels, uri, columns, height, width, frames, context, fps)


def arrange(tiles: UInt8[np.ndarray, "n h w 3"], columns: int) -> UInt8[np.ndarray, "_y _x 3"]:
    """Tiles in rows of ``columns``, the rest of the last row black."""
    count, height, width, _ = tiles.shape
    rows = -(-count // columns)
    tiles = np.concatenate([tiles, np.zeros((rows * columns - count, height, width, 3), np.uint8)])
    return rearrange(tiles, "(rows columns) h w c -> (rows h) (columns w) c", columns=columns)


def picture_uri(picture: UInt8[np.ndarray, "_y _x 3"], *, lossless: bool) -> str:
    """A picture as a data URI: PNG, or WebP of quality 90."""
    file = io.BytesIO()
    image = Image.fromarray(picture)
    if lossless:
        image.save(file, "PNG", optimize=True)
    else:
        image.save(file, "WEBP", quality=90)
    return f"data:image/{'png' if lossless else 'webp'};base64,{base64.b64encode(file.getvalue()).decode()}"
