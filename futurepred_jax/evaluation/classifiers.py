"""Scores a classifier of motion and shape on a split."""

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
    """Measures a classifier's accuracy on the first ``count`` clips of a split.

    Args:
        classify: Maps noisy clips [b t h w c] in [0, 255] to the logits of each label of the target.
        clips: The split, with the field ``noisy`` and the labels of every slot, the target's slot first.
        count: Number of clips.
        context_frames: Number of frames that the classifier sees, which is reported with the scores.
        batch_size: Number of clips that are classified at once.
        progress: Whether to show a progress bar.
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
