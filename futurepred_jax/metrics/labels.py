"""How often a classifier is right, beside whoever always names the commonest class."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int

Labels = Mapping[str, Int[np.ndarray, "n"]]
"""A class of every clip, by the name of the label."""


class LabelScores(NamedTuple):
    """``split`` is the split's part of ``evaluation.json``, ``clips`` one value a clip; JSON's types only."""

    split: dict[str, Any]
    clips: dict[str, Any]


def label_scores(predicted: Labels, true: Labels) -> LabelScores:
    """Share of the clips whose label is right, label by label; the floor knows the true classes' frequencies."""
    right = {name: predicted[name] == true[name] for name in predicted}
    floor = {name: np.bincount(true[name]).max() / len(true[name]) for name in predicted}
    scores = {
        "classifier": {f"{name}_accuracy": float(hits.mean()) for name, hits in right.items()},
        "commonest_class": {f"{name}_accuracy": float(share) for name, share in floor.items()},
    }
    clips = {f"{name}_accuracy": hits.astype(float).tolist() for name, hits in right.items()}
    return LabelScores({"scores": scores}, {"classifier": clips})


def label_table(split: str, summary: Mapping[str, Any]) -> str:
    """One split of a classifier's ``evaluation.json`` as a line for each label."""
    scores = summary["scores"]
    lines = [
        f"{name.replace('_', ' ')} {value:.3f}, the commonest class {scores['commonest_class'][name]:.3f}"
        for name, value in scores["classifier"].items()
    ]
    clips, frames, sha256 = summary["clips"], summary["context_frames"], summary["sha256"][:12]
    title = f"{split}: {clips} clips, {frames} context frames, sha256 {sha256}"
    return "\n".join([title, *lines])
