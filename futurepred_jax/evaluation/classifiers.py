"""Scores of a classifier of motion and shape over a split."""

from collections.abc import Callable, Mapping

import numpy as np
from jaxtyping import Array
from tqdm import tqdm

from futurepred_jax.data.pipeline import Clips
from futurepred_jax.evaluation.results import Evaluation
from futurepred_jax.metrics.labels import label_scores
from futurepred_jax.metrics.plain import jsonable


def evaluate_classifier(
    classify: Callable[[np.ndarray], Mapping[str, Array]],
    clips: Clips,
    *,
    count: int,
    context_frames: int,
    batch_size: int,
    progress: bool = True,
) -> Evaluation:
    """How often a classifier is right about a split's first ``count`` clips.

    Args:
        classify: noisy clips to logits of each label of the target.
        clips: the split, stored with ``noisy`` and the labels of every slot, the target's first.
        count: clips.
        context_frames: that the classifier sees, to be told with the scores.
        batch_size: clips classified at once.
        progress: shows a bar.
    """
    found, true = [], []
    starts = tqdm(range(0, count, batch_size), desc=f"evaluate {clips.split}", disable=not progress)
    for start in starts:
        batch = clips.batch(np.arange(start, min(start + batch_size, count)))
        logits = classify(batch["noisy"])
        found.append({name: np.argmax(values, axis=-1) for name, values in logits.items()})
        true.append({name: batch[name][:, 0] for name in logits})
    predicted, labels = ({name: np.concatenate([b[name] for b in part]) for name in part[0]} for part in (found, true))
    scored = label_scores(predicted, labels)
    head = {"sha256": clips.sha256, "clips": count, "context_frames": context_frames}
    detail = {"index": list(range(count)), "scores": scored.clips}
    return Evaluation(clips.split, head | jsonable(scored.split), detail)
