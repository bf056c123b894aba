"""Chooses the clips whose predictions are shown."""

import collections
import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from scipy.stats import rankdata

from futurepred_jax.reporting.formats import Number

RANKED_BY = {"foreground_psnr": 1, "ade": -1}  # metric -> sign; the best clip has the highest mean rank over both
RANKED_BY_PIXELS = {"psnr": 1}  # used where neither of them is known, as for recorded videos

Why = Literal["random", "best", "worst"]
ClipScores = Mapping[str, Mapping[str, Number | None]]


@dataclasses.dataclass(frozen=True)
class Choice:
    """A clip to show.

    Attributes:
        split: Its split.
        index: Its index in the split.
        why: Why it was chosen.
        scores: Its scores {predictor: {metric: value}}, if it was evaluated.
    """

    split: str
    index: int
    why: Why
    scores: ClipScores = dataclasses.field(default_factory=dict)

    @property
    def name(self) -> str:
        """Stem of the clip's files."""
        return f"{self.split}-{self.index:06d}"


def choose_clips(
    evaluation_clips: Mapping[str, Any] | None,
    count: int,
    seed: int,
    *,
    available: Mapping[str, int] | None = None,
) -> list[Choice]:
    """Chooses clips to show: half of them at random, a quarter the best and a quarter the worst.

    Best and worst are decided by the mean of the model's ranks in foreground PSNR and in ADE, over all given splits. A
    metric that is undefined for a clip is left out of the clip's mean; where both are undefined for all clips, PSNR
    decides. The random clips are taken from the splits in turn, in an order that depends on the seed only, so models
    that are compared mostly show the same clips. No clip is chosen twice.

    Args:
        evaluation_clips: Content of ``evaluation_clips.json``. Without it all choices are random.
        count: Number of clips; fewer are returned if there are fewer.
        seed: Decides the random clips.
        available: Number of clips in each split; only needed if ``evaluation_clips`` is None.

    Returns:
        The random clips, then the best (best first), then the worst (worst first).

    Raises:
        ValueError: If ``count`` is below 1, or neither ``evaluation_clips`` nor ``available`` contains a clip.
    """
    if count < 1:
        raise ValueError(f"config.predictions.clips {count}: must be at least 1")
    candidates = _scored(evaluation_clips) if evaluation_clips else _unscored(available or {})
    if not candidates:
        raise ValueError("no clips to choose from: pass evaluation_clips, or available={split: number of clips}")
    ranked = _best_first(candidates, RANKED_BY) or _best_first(candidates, RANKED_BY_PIXELS)
    quarter = min(count // 4, len(ranked) // 2)
    best, worst = ranked[:quarter], ranked[::-1][:quarter]
    taken = {choice.name for choice in best + worst}
    shuffled = _in_turns([candidates[place] for place in np.random.default_rng(seed).permutation(len(candidates))])
    drawn = [choice for choice in shuffled if choice.name not in taken][: count - 2 * quarter]
    groups: dict[Why, list[Choice]] = {"random": drawn, "best": best, "worst": worst}
    return [dataclasses.replace(choice, why=why) for why, group in groups.items() for choice in group]


def describe_choices(choices: Iterable[Choice]) -> str:
    """Says which clips were chosen, and how to get best and worst ones if there are none."""
    choices = list(choices)
    reasons = [choice.why for choice in choices]
    if any(choice.scores for choice in choices):
        return f"{len(reasons)} clips: " + ", ".join(f"{reasons.count(why)} {why}" for why in dict.fromkeys(reasons))
    return f"{len(reasons)} random clips; best and worst ones need scores: run --mode=evaluate, then predict"


def _scored(evaluation_clips: Mapping[str, Any]) -> list[Choice]:
    return [
        Choice(split, int(index), "random", _scores_at(content["scores"], place))
        for split, content in sorted(evaluation_clips.items())
        for place, index in enumerate(content["index"])
    ]


def _scores_at(scores: Mapping[str, Mapping[str, Sequence[Number | None]]], place: int) -> ClipScores:
    return {
        predictor: {metric: values[place] for metric, values in metrics.items()}
        for predictor, metrics in scores.items()
    }


def _unscored(available: Mapping[str, int]) -> list[Choice]:
    return [Choice(split, index, "random") for split, size in sorted(available.items()) for index in range(size)]


def _in_turns(choices: Iterable[Choice]) -> list[Choice]:
    """Returns the first clip of each split, then the second of each, and so on."""
    seen: collections.Counter[str] = collections.Counter()
    turns = []
    for choice in choices:
        turns.append((seen[choice.split], choice))
        seen[choice.split] += 1
    return [choice for _, choice in sorted(turns, key=lambda turn: turn[0])]


def _best_first(candidates: Sequence[Choice], ranked_by: Mapping[str, int]) -> list[Choice]:
    """Returns the candidates that have a score, ordered by mean normalised rank; ties keep the given order."""
    ranks = np.full((len(ranked_by), len(candidates)), np.nan)
    for row, (metric, sign) in enumerate(ranked_by.items()):
        values = np.array([choice.scores.get("model", {}).get(metric) for choice in candidates], dtype=float)
        known = np.isfinite(values)
        ranks[row, known] = rankdata(sign * values[known]) / max(1, known.sum())
    known = np.flatnonzero(np.isfinite(ranks).any(axis=0))
    order = np.argsort(-np.nanmean(ranks[:, known], axis=0), kind="stable")
    return [candidates[place] for place in known[order]]
