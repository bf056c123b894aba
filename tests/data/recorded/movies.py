"""Small encoded videos whose frames tell their own time."""

from pathlib import Path
from typing import Any

import av
import numpy as np

CODECS = {".mp4": ("libx264", "yuv420p"), ".webm": ("libvpx-vp9", "yuv420p"), ".avi": ("mpeg4", "yuv420p")}
CODECS |= {".gif": ("gif", "rgb8"), ".mkv": ("libx264", "yuv420p")}


def frames(count: int, *, height: int = 48, width: int = 80) -> np.ndarray:
    """Grey that brightens by 6 a frame; green on the left, blue on the right of the central square."""
    video = np.empty((count, height, width, 3), np.uint8)
    video[:] = 6 * np.arange(count, dtype=np.uint8)[:, None, None, None]
    video[:, :, : (width - height) // 2] = (0, 255, 0)
    video[:, :, (width + height) // 2 :] = (0, 0, 255)
    return video


def write(path: Path, video: np.ndarray, *, fps: int = 30) -> Path:
    """Encode a video in the way that its suffix asks for."""
    codec, pixels = CODECS[path.suffix]
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=fps)
        stream.height, stream.width, stream.pix_fmt = *video.shape[1:3], pixels
        for frame in video:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, "rgb24")))
        container.mux(stream.encode())
    return path
