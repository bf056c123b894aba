"""What the code says of a field: the comment behind it in a config, or the docstring of what it is handed to."""

import ast
import functools
import importlib
import inspect
import io
import re
import textwrap
import tokenize
from collections.abc import Mapping
from typing import Any

ENTRY = re.compile(r"^    (\w+): (.*)$")
SECTIONS = ("Attributes:", "Args:")


@functools.cache
def comments(module: str) -> dict[tuple[str, str], str]:
    """The comment at the end of each line of a module that holds one key of a dict, by (function, key).

    The function is the one that the line stands in; it is empty outside of any.

    Raises:
        ValueError: a key has two different comments in one function.
    """
    source = inspect.getsource(importlib.import_module(module))
    tree = ast.parse(source)
    keys, functions = _keys_by_line(tree), [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    found: dict[tuple[str, str], str] = {}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        line, said = token.start[0], token.string.lstrip("# ")
        if token.type != tokenize.COMMENT or len(keys.get(line, ())) != 1:
            continue
        inside = next((f.name for f in functions if f.lineno <= line <= (f.end_lineno or line)), "")
        (key,) = keys[line]
        if found.setdefault((inside, key), said) != said:
            raise ValueError(f"{module}: {key!r} has the comments {found[inside, key]!r} and {said!r}: say one")
    return found


@functools.cache
def entries(documented: Any) -> dict[str, str]:
    """The entries under Attributes or Args of a Google docstring, and comments behind fields that it leaves out."""
    lines = (inspect.getdoc(documented) or "").splitlines()
    found: dict[str, list[str]] = {}
    inside, name = False, ""
    for line in lines:
        if line in SECTIONS:
            inside = True
        elif line and not line.startswith(" "):
            inside = False
        elif inside and (entry := ENTRY.match(line)):
            name = entry[1]
            found[name] = [entry[2]]
        elif inside and name and line.strip():
            found[name].append(line.strip())
    said = {name: re.sub(r"``([^`]*)``", r"`\1`", " ".join(words)) for name, words in found.items()}
    return _field_comments(documented) | said


def _field_comments(documented: Any) -> dict[str, str]:
    """Comments behind annotated fields of a class."""
    if not inspect.isclass(documented):
        return {}
    lines = textwrap.dedent(inspect.getsource(documented)).splitlines()
    pattern = re.compile(r"^    (\w+): [^#]*  # (.*)$")
    return {match[1]: match[2] for match in map(pattern.match, lines) if match}


def _keys_by_line(tree: ast.Module) -> Mapping[int, list[str]]:
    keys: dict[int, list[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            for key in node.keys:
                if isinstance(key, ast.Constant):
                    keys.setdefault(key.lineno, []).append(str(key.value))
    return keys
