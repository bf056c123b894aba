"""What a whole evaluation amounts to: records of all predictors, gathered batch by batch, as plain numbers for JSON."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int

from futurepred_jax.metrics import image, scores, tokens
from futurepred_jax.metrics.bootstrap import paired_interval
from futurepred_jax.metrics.table import CEILINGS, MARGINS, subject
from futurepred_jax.metrics.truth import Truth

LIKELIHOOD = ("token_accuracy", "bits_per_token", "bits_per_dimension")
TRUTH = "truth"  # name under which the true frames themselves are measured


@dataclasses.dataclass
class Tally:
    """What the batches so far have left; only the first ``valid`` clips of a batch count."""

    records: dict[str, list[scores.Record]] = dataclasses.field(default_factory=dict)
    nll: dict[str, list[Float[np.ndarray, "b n"]]] = dataclasses.field(default_factory=dict)
    correct: dict[str, list[Bool[np.ndarray, "b n"]]] = dataclasses.field(default_factory=dict)
    codes: Int[np.ndarray, "g v"] | int = 0
    sizes: tuple[int, ...] = ()

    def add_video(self, name: str, video: image.Unit | np.ndarray, truth: Truth, valid: int) -> None:
        """Measures a predictor's frames.

        Raises:
            ValueError: They leave [0, 1].
        """
        image.require_unit_range(name, video)
        record = scores.measure(jnp.asarray(video), truth)
        self.records.setdefault(name, []).append(jax.tree.map(lambda leaf: np.asarray(leaf)[:valid], record))

    def add_likelihood(
        self, name: str, nll: Float[np.ndarray, "b n"], correct: Bool[np.ndarray, "b n"], valid: int
    ) -> None:
        """Keeps a predictor's nats for every future token, and whether the true one was the likeliest."""
        self.nll.setdefault(name, []).append(nll[:valid])
        self.correct.setdefault(name, []).append(correct[:valid])

    def add_tokens(self, grid: Int[np.ndarray, "b lt lh lw g"], sizes: tuple[int, ...], valid: int) -> None:
        """Counts the codes of the true clips."""
        self.sizes = sizes
        self.codes = self.codes + tokens.code_counts(grid[:valid], sizes)

    def joined(self) -> dict[str, scores.Record]:
        """Each predictor's record over all clips."""
        return {
            name: jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts) for name, parts in self.records.items()
        }


class Summary(NamedTuple):
    """``split`` is the split's part of ``evaluation.json``, ``clips`` one value a clip; JSON's types only."""

    split: dict[str, Any]
    clips: dict[str, Any]


def summarize(tally: Tally, *, dimensions: int) -> Summary:
    """Reduces a tally to scores, margins, curves, the tracker's own error and codebook use.

    Args:
        tally: Of all batches; it holds the true frames under TRUTH.
        dimensions: Pixels times channels of a clip's future, over which the tokens' bits are spread.
    """
    records = tally.joined()
    tracker = scores.split_scores(records.pop(TRUTH))
    per_clip = {name: scores.clip_scores(record) for name, record in records.items()}
    totals = {name: scores.split_scores(record) | dict.fromkeys(LIKELIHOOD) for name, record in records.items()}
    for name in tally.nll:
        likelihood = _likelihood(tally, name, dimensions)
        per_clip[name] |= likelihood
        totals[name] |= {metric: float(value.mean()) for metric, value in likelihood.items()}
    split = {
        "scores": totals,
        "margins": _margins(records, per_clip),
        "curves": {name: scores.curves(record) for name, record in records.items()},
        "tracker": {name: tracker[name] for name in ("ade", "fde", "recall")},
        "codebook": tokens.codebook_use(np.asarray(tally.codes), tally.sizes)._asdict(),
    }
    return Summary(split=jsonable(split), clips=jsonable(per_clip))


def _likelihood(tally: Tally, name: str, dimensions: int) -> dict[str, Float[np.ndarray, "b"]]:
    """One value a clip."""
    nll, correct = np.concatenate(tally.nll[name]), np.concatenate(tally.correct[name])
    bits = tokens.bits_per_token(nll)
    return {
        "token_accuracy": tokens.token_accuracy(correct),
        "bits_per_token": bits,
        "bits_per_dimension": bits * nll.shape[1] / dimensions,
    }


def _margins(records: Mapping[str, scores.Record], per_clip: Mapping[str, Mapping[str, np.ndarray]]) -> dict[str, Any]:
    """The subject minus every floor, clip by clip, and its skill."""
    first = subject(records)
    margins = {}
    for name, record in records.items():
        if name == first or name in CEILINGS:
            continue
        ours, theirs = per_clip[first], per_clip[name]
        leads = {key: paired_interval(ours[key], theirs[key])._asdict() for key, _, _ in MARGINS if key in theirs}
        margins[name] = leads | {"skill": scores.skill(records[first], record)}
    return margins


def jsonable(value: Any) -> Any:
    """Plain numbers of six digits, lists and dicts; None for what is not finite, since JSON has no NaN."""
    if isinstance(value, Mapping):
        return {name: jsonable(item) for name, item in value.items()}
    if isinstance(value, np.ndarray | list | tuple):
        return [jsonable(item) for item in value]
    if isinstance(value, float | np.floating):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value
