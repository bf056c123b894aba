"""The page of a split: what it shows of drawn and of recorded clips."""

import re

import numpy as np
import pytest

from futurepred_jax import preview
from futurepred_jax.configs import baseline


@pytest.fixture
def config(tmp_path):
    config = baseline.get_config("debug")
    config.storage.clips = str(tmp_path / "clips")
    return config


def page(config, folder, split="train", clips=2):
    return preview.write_preview(config, split, folder / "pages" / "a.html", clips=clips).read_text()


def test_drawn_clips_play_with_their_truth(config, tmp_path):
    html = page(config, tmp_path, "test_clutter_mixed")
    assert html.count('class="player"') == 2
    for panel in ("What a model sees", "Free of noise", "Masks, boxes, tracks", "Flow"):
        assert html.count(f"<span>{panel}</span>") == 2
    assert "test_clutter_mixed 1" in html
    assert re.search(r"\d target", html)
    assert "Labels of every clip: alive" in html
    assert not (tmp_path / "clips").exists()  # looking keeps nothing


def test_the_page_needs_no_other_file(config, tmp_path):
    html = page(config, tmp_path)
    assert not re.search(r'(src|href)="(?!data:|#)', html)
    assert "default-src 'none'" in html


def test_recorded_clips_play_without_truth(config, tmp_path):
    videos = np.random.default_rng(0).integers(0, 255, (30, 9, 32, 32, 3)).astype(np.uint8)
    np.save(tmp_path / "videos.npy", videos)
    config.data.source = f"arrays:{tmp_path / 'videos.npy'}"
    html = page(config, tmp_path)
    assert html.count("<span>What a model sees</span>") == 2
    assert "Masks" not in html
    assert "Recorded videos have no labels" in html


def test_an_unknown_split_or_source_lists_the_known(config, tmp_path):
    with pytest.raises(ValueError, match="unknown 'test_idd'; known are train"):
        page(config, tmp_path, "test_idd")
    config.data.source = "file:videos"
    with pytest.raises(ValueError, match="known are clutter, files, arrays, tfds"):
        page(config, tmp_path)
