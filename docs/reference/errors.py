"""What the code says when it refuses something, as a user reads it, with … for what differs."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RAISED = ("ValueError", "GateError")


def page() -> str:
    """All messages, under the package or module that raises them."""
    places = {}
    for path in python_files():
        top, *inner = path.relative_to(ROOT).with_suffix("").parts
        places.setdefault(top if top == "configs" else inner[0], []).extend(_raised(path))
    return "\n\n".join(f"### {name}\n\n{_listed(found)}" for name, found in sorted(places.items()) if found)


@cache
def texts() -> tuple[str, ...]:
    """All texts of the package and its configs."""
    trees = [ast.parse(path.read_text()) for path in python_files()]
    return tuple(text for tree in trees for node in ast.walk(tree) if (text := template(node)))


def python_files() -> list[Path]:
    """Of the package and its configs."""
    return sorted(path for folder in ("futurepred_jax", "configs") for path in (ROOT / folder).rglob("*.py"))


def template(node: ast.AST) -> str:
    """A literal as the user would read it, or nothing for what is none."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return re.sub("…+", "…", "".join(template(part) or "…" for part in node.values))
    if isinstance(node, ast.BinOp):
        return template(node.left) and template(node.left) + (template(node.right) or "…")
    return ""


def _raised(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in RAISED and node.args:
            yield template(node.args[0])


def _listed(messages: list[str]) -> str:
    told = sorted({" ".join(message.split()) for message in messages} - {"", "…"})
    return "\n".join(f"- `{message.replace('`', '')}`" for message in told)
