"""Results on disk: what is kept between runs, and what is not."""

import csv
import json

import pytest

from futurepred_jax.evaluation import results
from futurepred_jax.evaluation.results import Evaluation
from futurepred_jax.metrics.table import EFFECTS

ORIGIN = {"weights": ["a1"], "rules": {"clips": 2}}


def evaluation(split: str, psnr: float = 20.0, sha256: str = "5a") -> Evaluation:
    clips = {name: [psnr, psnr + 1] for name, _, _ in EFFECTS}
    summary = {
        "sha256": sha256,
        "clips": 2,
        "scores": {"model": {"psnr": psnr, "bits_per_token": None}},
        "intervals": {"model": {"psnr": [psnr - 1, psnr + 1]}},
    }
    return Evaluation(split, summary, {"index": [0, 1], "scores": {"model": clips}})


def test_a_finished_split_is_kept(tmp_path):
    results.write_part(evaluation("test_iid"), ORIGIN, tmp_path)
    assert results.read_part("test_iid", "5a", ORIGIN, tmp_path) == evaluation("test_iid")


@pytest.mark.parametrize(
    ("sha256", "origin"), [("6b", ORIGIN), ("5a", {**ORIGIN, "weights": ["b2"]}), ("5a", {**ORIGIN, "rules": {}})]
)
def test_another_split_other_weights_or_other_rules_are_scored_anew(tmp_path, sha256, origin):
    results.write_part(evaluation("test_iid"), ORIGIN, tmp_path)
    assert results.read_part("test_iid", sha256, origin, tmp_path) is None


def test_another_protocol_is_scored_anew(tmp_path, monkeypatch):
    results.write_part(evaluation("test_iid"), ORIGIN, tmp_path)
    monkeypatch.setattr(results, "describe_protocol", lambda: {"version": "other"})
    assert results.read_part("test_iid", "5a", ORIGIN, tmp_path) is None


def test_a_part_that_was_cut_off_is_scored_anew(tmp_path):
    results.write_part(evaluation("test_iid"), ORIGIN, tmp_path)
    path = tmp_path / results.PARTS / "test_iid.json"
    path.write_text(path.read_text()[:50])
    assert results.read_part("test_iid", "5a", ORIGIN, tmp_path) is None


def test_splits_scored_before_stay_beside_those_asked_for(tmp_path):
    for name in ("test_b", "test_a", "test_c"):
        results.write_part(evaluation(name), ORIGIN if name != "test_c" else {}, tmp_path)
    assert [part.split for part in results.read_parts(ORIGIN, tmp_path, first=["test_b"])] == ["test_b", "test_a"]


def test_the_table_has_a_row_for_every_score(tmp_path):
    results.write([evaluation("test_iid")], tmp_path)
    with (tmp_path / results.TABLE).open() as file:
        rows = list(csv.DictReader(file))
    assert rows[0] == {
        "split": "test_iid",
        "clips": "2",
        "predictor": "model",
        "metric": "psnr",
        "value": "20.0",
        "low": "19.0",
        "high": "21.0",
    }
    assert [row["value"] for row in rows] == ["20.0", ""]


def test_the_document_tells_what_clutter_costs(tmp_path):
    results.write([evaluation("test_a", 18.0), evaluation("test_a_clean", 20.0)], tmp_path)
    effects = json.loads((tmp_path / results.DOCUMENT).read_text())["clutter_effects"]
    assert effects["test_a"]["model"]["psnr"] == {"mean": -2.0, "low": -2.0, "high": -2.0}
