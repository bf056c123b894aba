"""MkDocs hooks: adds pages and pictures made from the code, and fills in tables where a page asks for them."""

import re

from mkdocs.config.defaults import MkDocsConfig  # pyright: ignore[reportMissingImports]
from mkdocs.structure.files import File, Files  # pyright: ignore[reportMissingImports]
from mkdocs.structure.pages import Page  # pyright: ignore[reportMissingImports]
from reference import api, configuration, errors, figures, tables

ASKED = re.compile(r"^<!-- from the code: (\w+) -->$", re.MULTILINE)
TABLES = {**tables.TABLES, "configuration": configuration.page, "errors": errors.page}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds what no file holds."""
    for path, text in api.pages().items():
        files.append(File.generated(config, path, content=text))
    for path, draw in figures.FIGURES.items():
        files.append(File.generated(config, path, content=draw()))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Fills in tables.

    Raises:
        KeyError: a page asks for one that does not exist.
    """
    del page, config, files
    return ASKED.sub(lambda asked: TABLES[asked[1]](), markdown)
