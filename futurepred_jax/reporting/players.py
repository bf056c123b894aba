"""Clips that a page can play frame by frame: all frames are tiles of one picture, embedded as a data URI."""

import base64
import dataclasses
import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from einops import rearrange
from jaxtyping import UInt8
from PIL import Image

LOSSLESS_UP_TO = 64  # px a side; larger frames are stored as WebP of quality 90, which takes a tenth of the bytes
SHEET_WIDTH = 8192  # px; browsers on phones refuse wider pictures

Film = UInt8[np.ndarray, "t h w 3"]


@dataclasses.dataclass(frozen=True)
class Clip:
    """A clip ready to be played.

    Attributes:
        sheet: Picture of all frames as a data URI.
        columns: Number of tiles in a row of the sheet.
        width: Width of a frame in px.
        height: Height of a frame in px.
        frames: Number of frames of each panel.
        context: Number of frames that belong to the context.
        fps: Frames per second.
        tiles: ``tiles[panel][frame]`` is the number of the frame's tile; None for a panel that has nothing to show.
    """

    sheet: str
    columns: int
    width: int
    height: int
    frames: int
    context: int
    fps: int | float
    tiles: list[list[int] | None]

    def plain(self) -> dict[str, Any]:
        """Returns the clip as JSON types for the page's script."""
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True)
class Player:
    """A clip with a label for each panel, and ``entry``, the facts shown with it."""

    entry: dict[str, Any]
    panels: dict[str, str]
    clip: Clip


def pack(films: Mapping[str, Film | None], *, context: int, fps: int | float) -> Clip:
    """Packs the videos of all panels into one sheet that contains each distinct frame once.

    Args:
        films: Videos of equal shape by panel; None where there is nothing to show.
        context: Number of frames that the model sees.
        fps: Frames per second.
    """
    known = np.stack([film for film in films.values() if film is not None])
    frames, height, width = known.shape[1:4]
    places: dict[bytes, int] = {}
    numbers = [[places.setdefault(frame.tobytes(), len(places)) for frame in film] for film in known]
    tiles = np.frombuffer(b"".join(places), np.uint8).reshape(len(places), height, width, 3)
    columns = min(len(tiles), SHEET_WIDTH // width)
    uri = picture_uri(arrange(tiles, columns), lossless=max(height, width) <= LOSSLESS_UP_TO)
    rows = iter(numbers)
    panels = [next(rows) if film is not None else None for film in films.values()]
    return Clip(uri, columns, width, height, frames, context, fps, panels)


def arrange(tiles: UInt8[np.ndarray, "n h w 3"], columns: int) -> UInt8[np.ndarray, "_y _x 3"]:
    """Arranges tiles in rows of ``columns``; the rest of the last row is black."""
    count, height, width, _ = tiles.shape
    rows = -(-count // columns)
    tiles = np.concatenate([tiles, np.zeros((rows * columns - count, height, width, 3), np.uint8)])
    return rearrange(tiles, "(rows columns) h w c -> (rows h) (columns w) c", columns=columns)


def picture_uri(picture: UInt8[np.ndarray, "_y _x 3"], *, lossless: bool) -> str:
    """Encodes a picture as a data URI: as PNG if ``lossless``, otherwise as WebP of quality 90."""
    file = io.BytesIO()
    image = Image.fromarray(picture)
    if lossless:
        image.save(file, "PNG", optimize=True)
    else:
        image.save(file, "WEBP", quality=90)
    return f"data:image/{'png' if lossless else 'webp'};base64,{base64.b64encode(file.getvalue()).decode()}"
