import numpy as np
import pytest

from futurepred_jax.metrics.labels import label_scores, label_table

TRUE = {"family": np.array([0, 1, 1, 2]), "shape": np.array([3, 3, 3, 0])}
FOUND = {"family": np.array([0, 1, 2, 2]), "shape": np.array([3, 0, 0, 0])}


def test_accuracy_is_the_share_of_right_clips_beside_the_commonest_class():
    scored = label_scores(FOUND, TRUE)
    assert scored.split["scores"]["classifier"] == {"family_accuracy": 0.75, "shape_accuracy": 0.5}
    assert scored.split["scores"]["commonest_class"] == {"family_accuracy": 0.5, "shape_accuracy": 0.75}
    assert scored.clips["classifier"]["family_accuracy"] == [1, 1, 0, 1]


def test_the_table_tells_every_label_and_its_floor():
    summary = {"clips": 4, "context_frames": 5, "sha256": "ab" * 32, **label_scores(FOUND, TRUE).split}
    text = label_table("val_iid", summary)
    assert "val_iid: 4 clips" in text
    assert "family accuracy 0.750, the commonest class 0.500" in text
    assert "shape accuracy 0.500, the commonest class 0.750" in text


@pytest.mark.parametrize("label", ["family", "shape"])
def test_naming_the_commonest_class_scores_as_the_floor(label):
    commonest = {label: np.full(4, np.bincount(TRUE[label]).argmax())}
    scores = label_scores(commonest, TRUE).split["scores"]
    assert scores["classifier"] == scores["commonest_class"]
