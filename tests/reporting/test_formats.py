"""Numbers read the same everywhere."""

import pytest
from workdirs import model_of

from futurepred_jax.reporting import formats
from futurepred_jax.reporting.models import scored_predictors
from futurepred_jax.reporting.tables import modules, score_table
from futurepred_jax.reporting.vocabulary import METRICS


def test_numbers_have_a_true_minus_and_what_is_missing_a_dash():
    assert formats.number(-1234.567) == "−1,234.57"
    assert [formats.number(value) for value in (None, float("nan"), float("inf"))] == ["–", "–", "–"]
    assert formats.score(22.604, METRICS["psnr"], unit=True) == "22.60 dB"
    assert formats.score(None, METRICS["psnr"], unit=True) == "–"
    assert formats.difference(-0.0124, METRICS["ssim"]) == "−0.012"
    assert formats.significant(0.00123456) == "0.001235"


@pytest.mark.parametrize(("seconds", "text"), [(42.4, "42 s"), (750, "12 min 30 s"), (11_100, "3 h 05 min")])
def test_durations(seconds, text):
    assert formats.duration(seconds) == text


def test_shares_lists_and_trees():
    assert [formats.percent(share) for share in (0.613, 0.0312, 1, None)] == ["61 %", "3.1 %", "100 %", "–"]
    assert [formats.listing(words) for words in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]
    assert formats.flatten({"a": {"b": 1, "c": [2, 3]}, "d": None}) == {"a.b": "1", "a.c": "[2, 3]", "d": "None"}
    assert formats.plain({"temperature": 0.5, "top_k": 3}) == "temperature 0.5, top_k 3"


def test_modules_by_size_with_their_shares():
    parts = modules({"head": 25, "blocks": 75, "total": 100})
    assert [(part.name, part.count, part.share) for part in parts] == [("blocks", 75, 0.75), ("head", 25, 0.25)]


def test_score_table_order_marks_and_differences():
    scores = {
        "mean_frame": {"psnr": 20.0, "ade": 3.0, "odd": 1.0},
        "model": {"psnr": 24.0, "ade": 2.5, "odd": 2.0},
        "copy_last": {"psnr": 22.0, "ade": 2.0, "odd": 3.0},
        "tokenizer_reconstruction": {"psnr": 28.0, "ade": 1.0},
    }
    table = score_table(
        scored_predictors([model_of({"scores": scores, "intervals": {"model": {"psnr": [23.5, 24.5]}}})], "test_iid")
    )
    assert [column.name for column in table.columns] == ["psnr", "ade", "odd"]
    assert [(row.label, row.role) for row in table.rows] == [
        ("Tokenizer reconstruction", "ceiling"),
        ("Model", "model"),
        ("Copy-last-frame", "floor"),
        ("Mean frame", "floor"),
    ]
    ours, floor = table.rows[1], table.rows[2]
    assert [*ours.differences] == ["against the best floor", "against the reconstruction"]
    gains = [(cell.text, cell.mark) for cell in ours.differences["against the best floor"]]
    assert gains == [("+2.00", "gain"), ("+0.50", "loss"), ("–", "")]
    assert (ours.cells[0].text, ours.cells[0].value, ours.cells[0].doubt) == ("24.00", 24.0, "[23.50, 24.50]")
    assert [cell.mark for cell in floor.cells] == ["best", "best", ""]
    assert not floor.differences
