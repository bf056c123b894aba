"""Curves as CSV say what metrics.jsonl says."""

import csv
import io
import itertools

from futurepred_jax.reporting.export import curves_csv
from futurepred_jax.reporting.workdir import Log


def log(steps: int) -> Log:
    """Training at every step, validation at every fifth."""
    train = [{"step": step, "time": 0.0, "split": "train", "loss": 1 / step} for step in range(1, steps + 1)]
    val = [{"step": step, "time": 0.0, "split": "val", "psnr": step / 3} for step in range(5, steps + 1, 5)]
    return Log([*train, *val], [], steps)


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_every_logged_value_is_there_and_none_that_was_not_logged():
    found = rows(curves_csv(log(10)))
    assert list(found[0]) == ["split", "step", "loss", "psnr"]
    assert [float(row["loss"]) for row in found[:10]] == [float(f"{1 / step:.6g}") for step in range(1, 11)]
    assert found[10] == {"split": "val", "step": "5", "loss": "", "psnr": "1.66667"}
    assert len(found) == 12


def test_long_curves_are_thinned_evenly_with_their_ends():
    found = rows(curves_csv(log(1000), rows=60))
    assert len(found) <= 60
    for split, first, last in (("train", 1, 1000), ("val", 5, 1000)):
        steps = [int(row["step"]) for row in found if row["split"] == split]
        assert (steps[0], steps[-1]) == (first, last)
        gaps = {right - left for left, right in itertools.pairwise(steps)}
        assert max(gaps) - min(gaps) <= 5


def test_a_step_logged_twice_counts_once_and_broken_values_are_empty():
    again = {"step": 2, "time": 0.0, "split": "train", "loss": None}
    found = rows(curves_csv(Log([*log(3).records, again], [], 4)))
    assert [row["loss"] for row in found] == ["1", "", "0.333333"]
