"""Every error that the troubleshooting page quotes is one that the code raises."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/troubleshooting.md"
QUOTED = [line.removeprefix("> ") for line in PAGE.read_text().splitlines() if line.startswith("> ")]


@cache
def texts() -> tuple[str, ...]:
    """All texts of the package, with … for what is filled in."""
    trees = [ast.parse(path.read_text()) for folder in ("futurepred_jax", "configs") for path in python_files(folder)]
    return tuple(text for tree in trees for node in ast.walk(tree) if (text := template(node)))


def python_files(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def template(node: ast.AST) -> str:
    """A literal as the user would read it."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return re.sub("…+", "…", "".join(template(part) or "…" for part in node.values))
    return ""


@pytest.mark.parametrize("message", QUOTED)
def test_a_quoted_message_is_still_in_the_code(message):
    assert any(message.rstrip(".… ") in text for text in texts()), message


def test_a_message_that_nothing_raises_would_be_found():
    assert not any("no such message in the code" in text for text in texts())
    assert len(QUOTED) > 20
