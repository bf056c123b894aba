"""A page for each package, with the docstrings of its modules."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = (
    "data",
    "models",
    "objectives",
    "metrics",
    "evaluation",
    "training",
    "weights",
    "factory",
    "pretrained",
    "reporting",
)


def pages() -> dict[str, str]:
    """Markdown by the path of the page."""
    packages = {f"api/{name}.md": _page(name, f"{name}/**/*.py") for name in PACKAGES}
    return {"api/index.md": _page("futurepred_jax", "*.py"), **packages}


def _page(title: str, pattern: str) -> str:
    folder = ROOT / "futurepred_jax"
    paths = sorted(path for path in folder.glob(pattern) if _says(path))
    return "\n\n".join([f"# {title}", *[f"::: {_module(path)}" for path in paths]]) + "\n"


def _says(path: Path) -> bool:
    """Whether a module holds anything to document; the command line tells of itself by --help."""
    kinds = ast.ClassDef | ast.FunctionDef | ast.Assign
    return path.name != "main.py" and any(isinstance(node, kinds) for node in ast.parse(path.read_text()).body)


def _module(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")
