"""Collects the measurements of all predictors batch by batch, and summarizes them as numbers for JSON."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Int

from futurepred_jax.metrics import image, scores, tokens
from futurepred_jax.metrics.bootstrap import interval, paired_interval
from futurepred_jax.metrics.clip_contents import ClipContents, about_clips, by_object
from futurepred_jax.metrics.likelihood import (
    PLAIN,
    Likelihood,
    calibration,
    likelihood_ratios,
    pairs_ranked,
    tempered,
)
from futurepred_jax.metrics.plain import jsonable
from futurepred_jax.metrics.ratios import Ratio
from futurepred_jax.metrics.table import CEILINGS, MARGINS, subject_of
from futurepred_jax.metrics.truth import Truth

Tree = TypeVar("Tree")

TRUTH = "truth"  # name under which the true frames are measured, for the tracker's own error
TRACKER = ("ade", "fde", "recall", "mask_iou", "false_detections")


class Pairs(NamedTuple):
    """Which clips of a probe are possible, and the number of the pair that each belongs to."""

    possible: Bool[np.ndarray, "b"]
    pair: Int[np.ndarray, "b"]


@dataclasses.dataclass
class Tally:
    """Collects measurements batch by batch; only the first ``valid`` clips of a batch are kept."""

    records: dict[str, list[scores.Record]] = dataclasses.field(default_factory=dict)
    further: dict[str, dict[str, list[Ratio]]] = dataclasses.field(default_factory=dict)
    likelihood: dict[str, list[Likelihood]] = dataclasses.field(default_factory=dict)
    pairs: list[Pairs] = dataclasses.field(default_factory=list)
    contents: list[ClipContents] = dataclasses.field(default_factory=list)
    codes: Int[np.ndarray, "g v"] | int = 0
    sizes: tuple[int, ...] = ()
    families: tuple[str, ...] = ()

    def add_video(self, name: str, video: image.Unit | np.ndarray, truth: Truth, valid: int) -> None:
        """Measures a predictor's frames.

        Args:
            name: Name of the predictor.
            video: Its frames in [0, 1].
            truth: Ground truth of the same frames.
            valid: Number of clips to keep.

        Raises:
            ValueError: If the frames leave [0, 1].
        """
        image.require_unit_range(name, video)
        record = scores.measure(jnp.asarray(video), truth)
        self.records.setdefault(name, []).append(_first(record, valid))

    def add_scores(self, name: str, found: Mapping[str, Ratio], valid: int) -> None:
        """Keeps further scores of a predictor for a batch."""
        kept = self.further.setdefault(name, {})
        for key, ratio in found.items():
            kept.setdefault(key, []).append(_first(ratio, valid))

    def add_likelihood(self, name: str, found: Likelihood, valid: int) -> None:
        """Keeps the likelihood that a predictor assigns to the true tokens."""
        self.likelihood.setdefault(name, []).append(_first(found, valid))

    def add_pairs(self, possible: Bool[np.ndarray, "b"], pair: Int[np.ndarray, "b"], valid: int) -> None:
        """Keeps which clips of a probe are possible, and the pair that each belongs to."""
        self.pairs.append(_first(Pairs(possible, pair), valid))

    def add_contents(self, contents: ClipContents, families: tuple[str, ...], valid: int) -> None:
        """Keeps what the clips contain, and the names of the families of motion."""
        self.families = families
        self.contents.append(_first(contents, valid))

    def add_tokens(self, grid: Int[np.ndarray, "b lt lh lw g"], sizes: tuple[int, ...], valid: int) -> None:
        """Counts the codes in the tokens of the true clips."""
        self.sizes = sizes
        self.codes = self.codes + tokens.code_counts(grid[:valid], sizes)

    def joined(self) -> dict[str, scores.Record]:
        """Returns each predictor's record over all clips."""
        return {name: _joined(parts) for name, parts in self.records.items()}

    def further_of(self, name: str, clips: int) -> dict[str, Ratio]:
        """Returns a predictor's further scores, extended to ``clips`` clips; those not scored have no value."""
        return {key: _joined(parts).padded(clips) for key, parts in self.further.get(name, {}).items()}


def _first(tree: Tree, valid: int) -> Tree:
    return jax.tree.map(lambda leaf: np.asarray(leaf)[:valid], tree)


def _joined(parts: Sequence[Tree]) -> Tree:
    return jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts)


class Summary(NamedTuple):
    """The evaluation of a split as JSON types.

    Attributes:
        split: The split's part of ``evaluation.json``.
        clips: The split's part of ``evaluation_clips.json``: ``scores`` with one value per clip and, if the objects are
            known, ``about`` with the contents of each clip and ``objects`` with one value per target.
    """

    split: dict[str, Any]
    clips: dict[str, Any]


def summarize(tally: Tally, *, frames: int, frame_size: int) -> Summary:
    """Computes scores with intervals, margins over floors, curves, the tracker's own error and codebook use.

    Args:
        tally: Measurements of all batches, with the true frames under TRUTH.
        frames: Number of future frames that the tokens encode.
        frame_size: Number of pixels times channels of a frame.
    """
    records = tally.joined()
    tracker = scores.ratios(records.pop(TRUTH))
    clips = len(next(iter(records.values())).image.mse)
    ratios = {name: scores.ratios(record) | tally.further_of(name, clips) for name, record in records.items()}
    believed = {name: _joined(parts) for name, parts in tally.likelihood.items()}
    for name, found in believed.items():
        ratios[name] |= likelihood_ratios(found, frames=frames, frame_size=frame_size)
    per_clip = {name: {key: each.by_clip() for key, each in known.items()} for name, known in ratios.items()}
    split = {
        "scores": _totals(ratios),
        "intervals": {name: {key: _ends(each) for key, each in known.items()} for name, known in ratios.items()},
        "margins": _margins(records, per_clip),
        "curves": {
            name: {key: each.by_frame() for key, each in scores.curves(record).items()}
            for name, record in records.items()
        },
        "tracker": {name: tracker[name].over_split() for name in TRACKER},
        "calibration": {},
    }
    if tally.sizes:
        split["codebook"] = tokens.codebook_use(np.asarray(tally.codes), tally.sizes)
    for name, found in believed.items():
        ranked = pairs_ranked(found.nll[..., PLAIN].sum(axis=1), *_joined(tally.pairs)) if tally.pairs else None
        if ranked is not None:
            split["scores"][name]["pairs_ranked"] = ranked.over_split()
            split["intervals"][name]["pairs_ranked"] = _ends(ranked)
        calibrated = split["calibration"][name] = calibration(found)
        split["scores"][name] |= {"calibration_error": calibrated.error, **tempered(found)}
    return Summary(split=jsonable(split), clips=jsonable({"scores": per_clip, **_described_clips(tally, records)}))


def _described_clips(tally: Tally, records: Mapping[str, scores.Record]) -> dict[str, Any]:
    if not tally.contents:
        return {}
    contents = _joined(tally.contents)
    return {"about": about_clips(contents, tally.families), "objects": by_object(records, contents, tally.families)}


def _totals(ratios: Mapping[str, Mapping[str, Ratio]]) -> dict[str, dict[str, float | None]]:
    """Returns every predictor's scores; None for scores that only other predictors have."""
    every = dict.fromkeys(key for known in ratios.values() for key in known)
    return {name: every | {key: each.over_split() for key, each in known.items()} for name, known in ratios.items()}


def _ends(ratio: Ratio) -> list[float]:
    found = interval(ratio)
    return [found.low, found.high]


def _margins(records: Mapping[str, scores.Record], per_clip: Mapping[str, Mapping[str, np.ndarray]]) -> dict[str, Any]:
    """Returns the subject's differences from every floor, averaged over clips, and its skill."""
    first = subject_of(records)
    margins = {}
    for name, record in records.items():
        if name == first or name in CEILINGS:
            continue
        ours, theirs = per_clip[first], per_clip[name]
        leads = {key: paired_interval(ours[key], theirs[key]) for key, _, _ in MARGINS if key in theirs}
        margins[name] = leads | {"skill": scores.skill(records[first], record)}
    return margins
