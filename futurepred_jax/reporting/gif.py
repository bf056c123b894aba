"""GIFs of a predicted future next to the true one, or of any videos in a row."""

import io
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

PANEL = 160  # px, least side of an enlarged frame
BORDER = 4  # px
GAP = 12  # px, around and between the panels
BAND = 22  # px, height of the label above a panel
HOLD = 0.8  # s for which the last frame stays before the loop restarts

Colour = tuple[int, int, int]
PAPER = (27, 29, 34)
INK = (228, 230, 235)
CONTEXT = (138, 143, 152)
TRUTH = (58, 167, 109)
PREDICTED = (232, 131, 58)
_RESERVED = (PAPER, INK, CONTEXT, TRUTH, PREDICTED, (255, 255, 255), (0, 0, 0))


def side_by_side(
    context: UInt8[np.ndarray, "n h w 3"],
    truth: UInt8[np.ndarray, "m h w 3"],
    prediction: UInt8[np.ndarray, "m h w 3"],
    *,
    fps: int | float = 6.0,
) -> bytes:
    """Draws context and true future on the left, context and predicted future on the right, as an endless GIF.

    Frames are enlarged by a whole factor to at least 160 px a side, without interpolation. A grey border and the word
    "context" mark what the model has seen; a green border marks the true future, an orange one the predicted future.

    Args:
        context: The frames that the model saw.
        truth: The ``m`` frames that truly followed.
        prediction: The ``m`` frames that the model predicted.
        fps: Frames per second; durations are rounded to the hundredths of a second that GIF can express.

    Returns:
        The GIF file of n + m frames.
    """
    left, right = np.concatenate([context, truth]), np.concatenate([context, prediction])
    pages = [
        page(pair, *_marks(step, context=len(context), future=len(truth)))
        for step, pair in enumerate(zip(left, right, strict=True))
    ]
    return encode(pages, np.concatenate([left, right]), fps=fps)


def in_a_row(videos: Mapping[str, UInt8[np.ndarray, "t h w 3"]], *, fps: int | float = 6.0) -> bytes:
    """Draws videos of equal length side by side, each under its name, as an endless GIF.

    Raises:
        ValueError: If the videos differ in length.
    """
    lengths = {name: len(video) for name, video in videos.items()}
    if len(set(lengths.values())) != 1:
        raise ValueError(f"videos of {lengths} frames: all must be equally long")
    frames = zip(*videos.values(), strict=True)
    pages = [page(panels, tuple(videos), (CONTEXT,) * len(videos)) for panels in frames]
    return encode(pages, np.concatenate([*videos.values()]), fps=fps)


def page(frames: Sequence[np.ndarray], labels: Sequence[str], colours: Sequence[Colour]) -> Image.Image:
    """Draws one frame of a GIF: panels from left to right, each with its label and a border of its colour."""
    scale = -(-PANEL // min(frames[0].shape[:2]))
    panels = [Image.fromarray(frame.repeat(scale, axis=0).repeat(scale, axis=1)) for frame in frames]
    width, height = panels[0].size
    sheet = Image.new("RGB", (GAP + len(panels) * (width + GAP), 2 * GAP + BAND + height), PAPER)
    draw = ImageDraw.Draw(sheet)
    for column, (panel, label, colour) in enumerate(zip(panels, labels, colours, strict=True)):
        x, y = GAP + column * (width + GAP), GAP + BAND
        draw.rectangle((x - BORDER, y - BORDER, x + width + BORDER - 1, y + height + BORDER - 1), fill=colour)
        draw.text((x - BORDER, y - BORDER - 6), label, fill=INK, font=ImageFont.load_default(13), anchor="ls")
        sheet.paste(panel, (x, y))
    return sheet


def encode(pages: Sequence[Image.Image], frames: UInt8[np.ndarray, "n h w 3"], *, fps: int | float) -> bytes:
    """Encodes drawn frames as an endless GIF with one palette.

    Args:
        pages: The drawn frames.
        frames: The video frames that they show; the palette is made from these.
        fps: Frames per second.
    """
    palette = _palette(frames)
    first, *rest = [each.quantize(palette=palette, dither=Image.Dither.NONE) for each in pages]
    file = io.BytesIO()
    durations = _durations(len(pages), fps)
    first.save(file, "GIF", save_all=True, append_images=rest, duration=durations, loop=0, optimize=False)
    return file.getvalue()


def _marks(step: int, *, context: int, future: int) -> tuple[tuple[str, str], tuple[Colour, Colour]]:
    """Returns labels and border colours of both panels at a step, counted from the first context frame."""
    if step < context:
        label = f"context {step + 1}/{context}"
        return (label, label), (CONTEXT, CONTEXT)
    place = f"{step - context + 1}/{future}"
    return (f"true future {place}", f"predicted {place}"), (TRUTH, PREDICTED)


def _palette(frames: UInt8[np.ndarray, "n h w 3"]) -> Image.Image:
    """Returns one palette for all frames, so that still objects do not flicker; borders keep their exact colours."""
    film = Image.fromarray(frames.reshape(-1, frames.shape[2], 3))
    colours = film.quantize(256 - len(_RESERVED), method=Image.Quantize.MEDIANCUT).getpalette() or []
    swatch = Image.new("P", (1, 1))
    swatch.putpalette(colours[: 3 * (256 - len(_RESERVED))] + [channel for colour in _RESERVED for channel in colour])
    return swatch


def _durations(count: int, fps: int | float) -> list[int]:
    """Returns the duration of each frame in ms: multiples of 10 whose sum stays within 5 ms of the true time."""
    clock = np.round(np.arange(count + 1) * 100 / fps).astype(int) * 10
    return [*np.diff(clock)[:-1].tolist(), int(clock[-1] - clock[-2] + 1000 * HOLD)]
