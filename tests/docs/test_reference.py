"""What the documentation takes from the code is whole, and says what the code says."""

import re

import pytest
from code_blocks import PAGES
from reference import api, configuration, descriptions, figures, tables

from futurepred_jax.configs import NAMES, baseline, shared, tokenizer
from futurepred_jax.data.spec import ClutterSpec


@pytest.mark.parametrize("name", NAMES)
def test_every_field_of_a_config_has_a_meaning(name):
    assert not [field.path for field in configuration.fields(name) if not field.meaning]


def test_the_words_kept_for_plain_fields_are_all_of_fields_that_there_are():
    paths = {configuration.known_as(field.path) for name in NAMES for field in configuration.fields(name)}
    sections = {path.rpartition(".")[0] for path in paths}
    assert set(configuration.PLAIN) <= paths | sections


def test_defaults_are_those_of_the_configs():
    steps = next(field for field in configuration.fields("tokenizer") if field.path == "train.steps")
    assert steps.values == {preset: tokenizer.get_config(preset).train.steps for preset in shared.PRESETS}
    page = configuration.page()
    assert f"`{baseline.get_config('tiny').model.width}`" in next(
        line for line in page.split("## baseline")[1].splitlines() if "`model.width`" in line
    )


def test_a_config_shows_what_differs_from_the_one_that_it_builds_on():
    page = configuration.page()
    slowfast = page.split("## slowfast")[1]
    assert "`pathways.slowfast.init`" in slowfast
    assert "`data.size`" not in slowfast


def test_comments_and_docstrings_are_read_as_they_stand():
    assert descriptions.comments(shared.__name__)["data", "held_out"].startswith("of recorded videos")
    assert descriptions.entries(ClutterSpec)["size"] == "pixels a side."


def test_two_comments_on_one_key_in_one_place_are_an_error(monkeypatch):
    source = 'A = {\n    "x": 1,  # one\n}\nB = {\n    "x": 2,  # two\n}\n'
    monkeypatch.setattr(descriptions.inspect, "getsource", lambda _: source)
    with pytest.raises(ValueError, match="'x' has the comments 'one' and 'two'"):
        descriptions.comments.__wrapped__(shared.__name__)


def test_pages_ask_for_tables_that_there_are_and_for_all_of_them():
    asked = {name for page in PAGES for name in re.findall(r"<!-- from the code: (\w+) -->", page.read_text())}
    assert asked == {*tables.TABLES, "configuration", "errors"}
    assert all(tables.TABLES[name]() for name in tables.TABLES)


def test_pages_name_pictures_that_there_are():
    asked = {name for page in PAGES for name in re.findall(r"\((?:\.\./)*(figures/[\w.]+)\)", page.read_text())}
    drawn = {f"figures/{path.name}" for path in (api.ROOT / "docs/figures").glob("*")}
    assert asked == drawn | set(figures.FIGURES)


def test_every_package_of_the_code_has_its_page():
    pages = api.pages()
    assert "::: futurepred_jax.models.magvit" in pages["api/models.md"]
    packages = {path.parent.name for path in (api.ROOT / "futurepred_jax").glob("*/__init__.py")}
    assert packages - {"benchmarks", "configs", "demo"} == set(api.PACKAGES)
