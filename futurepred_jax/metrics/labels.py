"""Accuracy of a classifier, next to the floor of always naming the most frequent class."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int

Labels = Mapping[str, Int[np.ndarray, "n"]]
"""The class of every clip, by the name of the label."""


class LabelScores(NamedTuple):
    """Scores as JSON types: ``split`` for ``evaluation.json``, and ``clips`` with one value per clip."""

    split: dict[str, Any]
    clips: dict[str, Any]


def label_scores(predicted: Labels, true: Labels) -> LabelScores:
    """Returns the accuracy of each label, and that of always naming the class that is most frequent in the split."""
    right = {name: predicted[name] == true[name] for name in predicted}
    floor = {name: np.bincount(true[name]).max() / len(true[name]) for name in predicted}
    scores = {
        "classifier": {f"{name}_accuracy": float(hits.mean()) for name, hits in right.items()},
        "commonest_class": {f"{name}_accuracy": float(share) for name, share in floor.items()},
    }
    clips = {f"{name}_accuracy": hits.astype(float).tolist() for name, hits in right.items()}
    return LabelScores({"scores": scores}, {"classifier": clips})


def label_table(split: str, summary: Mapping[str, Any]) -> str:
    """Returns the scores of a classifier on one split as text, with a line for each label."""
    scores = summary["scores"]
    lines = [
        f"{name.replace('_', ' ')} {value:.3f}, the commonest class {scores['commonest_class'][name]:.3f}"
        for name, value in scores["classifier"].items()
    ]
    clips, frames, sha256 = summary["clips"], summary["context_frames"], summary["sha256"][:12]
    title = f"{split}: {clips} clips, {frames} context frames, sha256 {sha256}"
    return "\n".join([title, *lines])
