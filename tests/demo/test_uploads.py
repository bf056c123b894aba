"""What is too large, too long or no video is refused with the rule, before it is decoded."""

import numpy as np
import pytest
from PIL import Image

from futurepred_jax.data.recorded import Cut
from futurepred_jax.demo import uploads
from futurepred_jax.reporting.futures import encode_mp4

CUT = Cut(size=16, frames=9, fps=6.0)


def movie(path, *, frames=12, side=32, fps=6):
    """A grey film that brightens."""
    pages = [Image.fromarray(np.full((side, side, 3), step % 250, np.uint8)) for step in range(frames)]
    path.write_bytes(encode_mp4(pages, fps=fps))
    return path


def test_a_short_clip_is_read_at_the_models_rate_and_size(tmp_path):
    found = uploads.frames(movie(tmp_path / "clip.mp4", frames=24, fps=12), CUT)
    assert found.shape == (9, 16, 16, 3)
    assert found[-1].mean() > found[0].mean()


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ({"frames": 130}, "2[12] seconds: at most 20 MB, 20 seconds and 1920 pixels a side"),
        ({"frames": 2, "side": 1922}, "1922 × 1922 pixels: at most"),
    ],
)
def test_a_film_that_is_too_long_or_too_wide_is_refused_before_it_is_decoded(tmp_path, monkeypatch, shape, words):
    monkeypatch.setattr(uploads, "read", lambda *_: pytest.fail("decoded"))
    with pytest.raises(ValueError, match=words):
        uploads.frames(movie(tmp_path / "clip.mp4", **shape), CUT)


def test_a_file_that_is_too_large_is_refused_before_it_is_opened(tmp_path):
    path = tmp_path / "clip.mp4"
    with path.open("wb") as file:
        file.truncate(uploads.MOST_BYTES + 1)
    with pytest.raises(ValueError, match="has 20 MB: at most 20 MB"):
        uploads.frames(path, CUT)


def test_what_is_no_video_is_refused(tmp_path):
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"no video")
    with pytest.raises(ValueError, match="cannot be read as video"):
        uploads.frames(path, CUT)
