"""What clutter costs: the same clips with and without it, of which each split of cluttered clips has a twin."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from futurepred_jax.metrics.bootstrap import paired_interval
from futurepred_jax.metrics.plain import jsonable
from futurepred_jax.metrics.table import EFFECTS

TWIN = "_clean"  # ends the name of a cluttered split's twin: the same targets on the same paths at each index

NAMES = tuple(name for name, _, _ in EFFECTS)

Clips = Mapping[str, Mapping[str, Sequence[float | None]]]
"""One value a clip, by predictor and metric."""


def clutter_effects(splits: Mapping[str, Clips]) -> dict[str, Any]:
    """Scores with clutter minus scores without, clip by clip, for every predictor and split whose twin was scored too.

    Of classifiers, who have no such scores, there is nothing to tell.

    Returns:
        by split, predictor and metric: the mean difference and the ends of its paired bootstrap interval.
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
