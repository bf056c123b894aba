"""Failures are rules on a clip's scores, and are counted where they could have happened."""

from futurepred_jax.reporting.failures import KINDS, failure_shares, failures
from futurepred_jax.reporting.models import ScoredPredictor

GOOD = {"recall": 1.0, "ade_travelled": 0.1, "false_detections": 0.0, "permanence": 1.0, "clutter_recall": 1.0}
BAD = {"recall": 0.4, "ade_travelled": 0.5, "false_detections": 1.0, "permanence": 0.0, "clutter_recall": 0.4}


def predictor(clips: dict) -> ScoredPredictor:
    return ScoredPredictor("model", "Model", "model", "is-model", {}, {}, {}, {}, clips, {})


def test_each_rule_names_its_failure_and_a_good_clip_has_none():
    assert failures(GOOD) == []
    assert failures(BAD) == [kind.label for kind in KINDS]
    assert failures({**GOOD, "recall": 0.49}) == ["Loses objects"]


def test_what_cannot_be_told_is_no_failure():
    assert failures({"recall": None, "permanence": None}) == []
    assert failures({}) == []


def test_shares_are_of_the_clips_that_tell():
    shares = failure_shares(predictor({"recall": [0.1, 0.9, None, 0.2], "permanence": [None] * 4}))
    assert shares["Loses objects"] == (2 / 3, 3)
    assert shares["Forgets what is hidden"] is None
    assert shares["Drops clutter"] is None
