"""Video files, whatever FFmpeg reads: mp4, webm, avi, gif and more, through PyAV."""

import glob
import importlib.util
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from futurepred_jax.data.recorded.recording import Cut, Frames, Recording, fit

if TYPE_CHECKING:
    import av
    from av.container import InputContainer

SLACK = Fraction(6, 1000)  # s; the clocks of WebM and GIF count in thousandths and hundredths of a second
REPEATED = 1.05  # frames shown over frames there are; a slower recording would move and stand still by turns
LEAST = 0.8  # of the declared length: the rest may be the last frame's time on show, which not every format keeps
NO_VIDEO = ("tty",)  # FFmpeg would draw a text file as a terminal's screen


def recordings(place: str) -> list[Recording]:
    """A recording for each file of ``found``, called by its name there.

    Raises:
        ValueError: there are none, or PyAV is not installed.
    """
    return [recording(path, name) for name, path in found(place).items()]


def found(place: str) -> dict[str, Path]:
    """Files by name: all in a folder and below it but hidden ones, or those that a pattern matches.

    A file is called by its path below the folder, or below the part of the pattern that has no wildcard.

    Raises:
        ValueError: there are none, or PyAV is not installed.
    """
    if importlib.util.find_spec("av") is None:
        raise ValueError("video files are read through PyAV: pip install 'futurepred-jax[video]'")
    root, paths = _found(Path(place).expanduser())
    if not paths:
        raise ValueError(f"no files at {place!r}: give a folder, a file, or a pattern in quotes such as 'videos/*.mp4'")
    return {path.relative_to(root).as_posix(): path for path in paths}


def read(path: Path, cut: Cut) -> Frames:
    """The frames of a file that were on show at the ticks of the cut's clock, turned as the recorder says.

    Raises:
        ValueError: it is no video, or has fewer frames a second than the cut; FFmpeg finds a frame damaged; or it ends
            before ``LEAST`` of the length that it declares. Other damage shows in the frames.
        OSError: it cannot be opened.
    """
    import av  # an extra
    from av.error import FFmpegError

    try:
        with av.open(path) as container:
            if container.format.name in NO_VIDEO or not container.streams.video:
                raise ValueError("it holds no video")
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            shown = list(_shown(_whole(container, stream), cut))
    except FFmpegError as error:
        raise ValueError(f"it cannot be read as video ({error.strerror})") from error
    distinct = len({id(frame) for frame in shown})
    if len(shown) > REPEATED * distinct + 1:
        rate = distinct / len(shown) * cut.fps
        raise ValueError(f"it has about {rate:.2g} frames a second, and is read at {cut.fps:g}")
    return np.stack(shown) if shown else np.empty((0, cut.size, cut.size, 3), np.uint8)


def _found(place: Path) -> tuple[Path, list[Path]]:
    """What names are relative to, and the files, in order."""
    if place.is_file():
        return place.parent, [place]
    if place.is_dir():
        root, paths = place, place.rglob("*")
    else:
        root = next(parent for parent in place.parents if not glob.has_magic(str(parent)))
        paths = map(Path, glob.glob(str(place), recursive=True))
    visible = (path for path in paths if not any(part.startswith(".") for part in path.relative_to(root).parts))
    return root, sorted(path for path in visible if path.is_file())


def recording(path: Path, name: str) -> Recording:
    """A file under a name."""
    status = path.stat()
    return Recording(name, f"{status.st_size} {status.st_mtime_ns}", lambda cut: read(path, cut), str(path.resolve()))


def _whole(container: "InputContainer", stream: "av.VideoStream") -> Iterator["av.VideoFrame"]:
    """The frames of a stream, as long as none is damaged and the longest stream lasts as the container declares."""
    end = Fraction(0)
    for packet in container.demux():
        if packet.pts is not None:
            end = max(end, (packet.pts + (packet.duration or 0)) * packet.time_base)
        for frame in stream.decode(packet) if packet.stream is stream else ():
            if frame.is_corrupt:
                raise ValueError("a frame of it is damaged")
            yield frame
    declared = _declared(container, stream)
    if end < LEAST * declared:
        raise ValueError(f"it ends after {float(end):.3g} s and declares {float(declared):.3g}: it was cut short")


def _declared(container: "InputContainer", stream: "av.VideoStream") -> Fraction:
    """Seconds that a container says it lasts; 0 where it does not say."""
    if container.format.name == "avi" and stream.average_rate:  # FFmpeg shortens its duration to what it finds
        return stream.frames / stream.average_rate
    return Fraction(container.duration or 0, 10**6)  # of microseconds


def _shown(frames: "Iterator[av.VideoFrame]", cut: Cut) -> Iterator[np.ndarray]:
    """The frame on show at each tick, from the first frame to the last; one array where a frame is shown again."""
    period = 1 / Fraction(cut.fps).limit_denominator(1001)
    shown, now = None, Fraction(0)
    for frame in frames:
        if frame.pts is None or frame.time_base is None:
            raise ValueError("its frames have no times: put them into a container that keeps them, such as mp4")
        time = frame.pts * frame.time_base
        if shown is None:
            now = time
        elif now < time - SLACK:
            picture = _picture(shown, cut.size)
            while now < time - SLACK:
                yield picture
                now += period
        shown, last = frame, time
    if shown is not None and now <= last + SLACK:
        yield _picture(shown, cut.size)


def _picture(frame: "av.VideoFrame", size: int) -> np.ndarray:
    upright = np.rot90(frame.to_ndarray(format="rgb24"), frame.rotation // 90)  # as FFmpeg's, counterclockwise
    return fit(np.ascontiguousarray(upright), size)
