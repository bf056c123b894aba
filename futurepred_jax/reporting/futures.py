"""Videos of several futures of one context side by side, as GIF and MP4."""

import io
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from futurepred_jax.reporting.gif import CONTEXT, PREDICTED, page

SHOWN = 8  # most futures shown, since more would not fit on a screen
QUALITY = {"crf": "16"}  # of H.264: 0 is lossless and 23 is usual; it is low since the panels are small


def draw_pages(context: UInt8[np.ndarray, "t h w 3"], futures: UInt8[np.ndarray, "m n h w 3"]) -> list[Image.Image]:
    """Draws the frames of the video: the context on the left, and to the right of it up to eight futures.

    During the context, all panels show it; afterwards the left panel keeps its last frame.
    """
    shown, length = futures[:SHOWN], futures.shape[1]
    pages = [
        page([frame] * (1 + len(shown)), [f"context {step + 1}/{len(context)}"] * (1 + len(shown)), _colours(0, shown))
        for step, frame in enumerate(context)
    ]
    for step in range(length):
        labels = [f"future {m + 1}: {step + 1}/{length}" for m in range(len(shown))]
        pages.append(page([context[-1], *shown[:, step]], ["last seen", *labels], _colours(1, shown)))
    return pages


def encode_mp4(pages: Sequence[Image.Image], *, fps: int | float) -> bytes:
    """Encodes frames as H.264 in an MP4 that browsers play. It needs PyAV, which the extra ``video`` installs."""
    import av  # an extra

    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream: Any = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001), options=QUALITY)
        stream.width, stream.height, stream.pix_fmt = *(side + side % 2 for side in pages[0].size), "yuv420p"
        for each in pages:
            picture = Image.new("RGB", (stream.width, stream.height))
            picture.paste(each)
            container.mux(stream.encode(av.VideoFrame.from_image(picture)))
        container.mux(stream.encode())
    return file.getvalue()


def _colours(future: int, shown: np.ndarray) -> list[tuple[int, int, int]]:
    return [CONTEXT, *[PREDICTED if future else CONTEXT] * len(shown)]
