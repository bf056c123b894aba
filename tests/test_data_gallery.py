"""The gallery shows every family, kind of clutter and label, each in a picture that differs from its neighbours."""

import sys

import numpy as np
import pytest
from PIL import Image

from futurepred_jax import gallery
from futurepred_jax.data.trajectories import FAMILIES


@pytest.fixture
def small(monkeypatch):
    """Pictures of 16 px, and one candidate a family."""
    for name in ("SPEC", "STAGE", "CROWD"):
        monkeypatch.setattr(gallery, name, gallery.dataclasses.replace(getattr(gallery, name), size=16, samples=1))
    monkeypatch.setattr(gallery, "CANDIDATES", 1)
    monkeypatch.setattr(gallery, "SIDE", 16)


def test_every_tile_shows_something_of_its_own(small):
    for row, count in (
        (gallery.motions(), len(FAMILIES)),
        (gallery.clutter(), len(gallery.KINDS)),
        (gallery.labels(), 8),
    ):
        assert len(row) == count
        assert len({tile.tobytes() for tile in row.values()}) == count
        assert all(tile.shape == (16, 16, 3) and tile.dtype == np.uint8 for tile in row.values())


def test_a_moving_object_leaves_its_early_places_faint():
    clip = {"video": np.full((3, 8, 8, 3), 100, np.uint8), "instance": np.zeros((3, 8, 8), np.uint8)}
    for step in range(3):
        clip["instance"][step, 2, 3 * step] = 1
        clip["video"][step, 2, 3 * step] = 255
    clip |= {"centre": np.full((3, 1, 2), 7.0), "exists": np.array([True])}
    shown = gallery._exposed(clip)[2, ::3, 0].astype(int)
    assert 100 < shown[0] < shown[1] < shown[2] == 255


def test_the_command_writes_a_picture_and_says_how_it_is_used(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(gallery, "draw_gallery", lambda: np.zeros((4, 6, 3), np.uint8))
    monkeypatch.setattr(sys, "argv", ["gallery", str(tmp_path / "a.png")])
    gallery.cli()
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.size == (6, 4)
    assert f"wrote {tmp_path / 'a.png'}" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["gallery"])
    with pytest.raises(SystemExit):
        gallery.cli()
    assert "the following arguments are required: picture" in capsys.readouterr().err
    monkeypatch.setattr(sys, "argv", ["gallery", str(tmp_path / "a.txt")])
    with pytest.raises(SystemExit):
        gallery.cli()
    assert "name a .png file" in capsys.readouterr().err
