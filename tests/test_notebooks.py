"""The notebooks' badges and first cells follow the repository's address; nothing executed is committed."""

import json
import re
import runpy
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
LINK = runpy.run_path(str(FOLDER / "link.py"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_badge_and_source_are_set_together_and_taken_back(path):
    text = path.read_text()
    linked = LINK["linked"](text, path.name, "someone/fork")
    assert f"(https://colab.research.google.com/github/someone/fork/blob/main/notebooks/{path.name})" in linked
    sources = ["".join(cell["source"]) for cell in json.loads(linked)["cells"]]
    assert 'SOURCE = "git+https://github.com/someone/fork"' in sources[1]
    assert LINK["linked"](linked, path.name, "") == LINK["linked"](text, path.name, "")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_kept_without_outputs_and_define_nothing(path):
    cells = [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]
    assert not any(cell["outputs"] or cell["execution_count"] for cell in cells)
    assert not re.search(r"^ *(def|class) ", "\n".join("".join(cell["source"]) for cell in cells), re.MULTILINE)


@pytest.mark.parametrize(
    ("address", "repository"),
    [
        ("https://github.com/someone/fork.git", "someone/fork"),
        ("git@github.com:someone/fork.git", "someone/fork"),
        ("/home/someone/fork", ""),
    ],
)
def test_the_repository_is_that_of_origin_on_github(monkeypatch, address, repository):
    class Answer:
        stdout = f"{address}\n"

    monkeypatch.setattr(LINK["subprocess"], "run", lambda *_, **__: Answer)
    assert LINK["origin"]() == repository
