"""The site builds without a warning, and asks nobody for anything."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOADED = re.compile(
    r"""<(?:script|img|iframe)[^>]+src=["']?(https?:[^"' >]+)|<link[^>]+rel=["']?stylesheet[^>]+(https?:[^"' >]+)"""
)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The built site."""
    pytest.importorskip("material", reason="needs the extra docs")
    folder = tmp_path_factory.mktemp("site")
    line = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", f"--site-dir={folder}"]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


@pytest.mark.slow
def test_no_page_loads_anything_from_elsewhere(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) > 20
    assert not [match.groups() for page in pages for match in LOADED.finditer(page.read_text())]


@pytest.mark.slow
def test_tables_and_docstrings_are_in_their_pages(site):
    assert "train.learning_rate" in (site / "configuration/index.html").read_text()
    assert "causal 3D convolutional autoencoder" in (site / "api/models/index.html").read_text()
    assert "from the code:" not in (site / "evaluation/index.html").read_text()
