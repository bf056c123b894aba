"""Every error that the troubleshooting page quotes is one that the code raises, and all that it raises are there."""

from pathlib import Path

import pytest
from reference import errors

PAGE = Path(__file__).resolve().parents[2] / "docs/troubleshooting.md"
QUOTED = [line.removeprefix("> ") for line in PAGE.read_text().splitlines() if line.startswith("> ")]


@pytest.mark.parametrize("message", QUOTED)
def test_a_quoted_message_is_still_in_the_code(message):
    assert any(message.rstrip(".… ") in text for text in errors.texts()), message


def test_a_message_that_nothing_raises_would_be_found():
    assert not any("no such message in the code" in text for text in errors.texts())
    assert len(QUOTED) > 35


def test_all_messages_are_listed_under_the_part_that_raises_them():
    parts = dict(part.split("\n\n", 1) for part in errors.page().removeprefix("### ").split("\n\n### "))
    assert "`no config …: give a path to one, or one of …`" in parts["configs"]
    assert "`clip of … frames: MagVit needs 1 + …k, such as …`" in parts["models"]
    assert "`these weights are not this network's: …`" in parts["weights"]
    assert "video of …: give uint8 in [0, 255], or floats in [0, 1]" in parts["interface"]
    assert sum(part.count("\n- ") for part in parts.values()) > 150
