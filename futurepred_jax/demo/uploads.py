"""Reads uploaded videos, after checking the limits of size and length without decoding a frame."""

from pathlib import Path

from futurepred_jax.data.recorded import Cut
from futurepred_jax.data.recorded.files import read
from futurepred_jax.data.recorded.recording import Frames

MOST_BYTES = 20 * 2**20
LONGEST = 20.0  # seconds
WIDEST = 1920  # pixels, of the longer side
ENDINGS = (".mp4", ".webm", ".avi", ".gif", ".mov", ".mkv")
RULE = f"at most {MOST_BYTES // 2**20} MB, {LONGEST:g} seconds and {WIDEST} pixels a side"


def frames(path: str | Path, cut: Cut) -> Frames:
    """Returns the first frames of a file, at most ``cut.frames``, at the frame rate and size of ``cut``.

    Raises:
        ValueError: If the file exceeds a limit, is no video, or has a lower frame rate; the message states the rule.
    """
    path = Path(path)
    _require_small(path)
    return read(path, cut)[: cut.frames]


def _require_small(path: Path) -> None:
    import av  # an extra
    from av.error import FFmpegError

    if path.stat().st_size > MOST_BYTES:
        raise ValueError(f"the file has {path.stat().st_size / 2**20:.0f} MB: {RULE}")
    try:
        with av.open(path) as container:
            if not container.streams.video:
                raise ValueError("the file holds no video")
            stream = container.streams.video[0]
            sides = (stream.codec_context.width, stream.codec_context.height)
            ends = [
                float(packet.pts * packet.time_base) for packet in container.demux(stream) if packet.pts is not None
            ]
    except FFmpegError as error:
        raise ValueError(f"the file cannot be read as video ({error.strerror})") from error
    if max(sides) > WIDEST:
        raise ValueError(f"the video has {sides[0]} × {sides[1]} pixels: {RULE}")
    if ends and max(ends) - min(ends) > LONGEST:
        raise ValueError(f"the video has {max(ends) - min(ends):.0f} seconds: {RULE}")
