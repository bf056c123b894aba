"""The effect of clutter on scores, measured on the same clips with and without clutter."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from futurepred_jax.metrics.bootstrap import paired_interval
from futurepred_jax.metrics.plain import jsonable
from futurepred_jax.metrics.table import EFFECTS

TWIN = (
    "_clean"  # suffix of the split that shows the same targets on the same paths as a cluttered split, without clutter
)

NAMES = tuple(name for name, _, _ in EFFECTS)

Clips = Mapping[str, Mapping[str, Sequence[float | None]]]
"""One value per clip, by predictor and metric."""


def clutter_effects(splits: Mapping[str, Clips]) -> dict[str, Any]:
    """Returns scores with clutter minus scores without it, averaged over clips.

    Args:
        splits: Scores by clip of every split. Only splits whose twin without clutter is among them are compared;
            classifiers have no such scores and are left out.

    Returns:
        The mean difference and its paired bootstrap interval, by split, predictor and metric.
    """
    return {
        name: {who: jsonable(_effect(scores, splits[name + TWIN][who])) for who, scores in clips.items()}
        for name, clips in splits.items()
        if name + TWIN in splits and all(set(NAMES) <= set(scores) for scores in clips.values())
    }


def _effect(cluttered: Mapping[str, Sequence], clean: Mapping[str, Sequence]) -> dict[str, Any]:
    shared = min(len(next(iter(scores.values()))) for scores in (cluttered, clean))
    pairs = {name: [np.array(scores[name][:shared], float) for scores in (cluttered, clean)] for name in NAMES}
    return {name: paired_interval(ours, theirs) for name, (ours, theirs) in pairs.items()}
