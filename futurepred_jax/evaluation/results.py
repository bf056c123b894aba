"""Writes results: a file for each split as soon as it is scored, then ``evaluation.json`` and its companions."""

import csv
import dataclasses
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from etils import epath

from futurepred_jax.metrics.effects import clutter_effects
from futurepred_jax.metrics.protocol import describe_protocol
from futurepred_jax.training import atomic

PARTS = "evaluation"
DOCUMENT, CLIPS, TABLE = "evaluation.json", "evaluation_clips.json", "evaluation.csv"
COLUMNS = ("split", "clips", "predictor", "metric", "value", "low", "high")


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """The evaluation of a split: its ``summary`` for ``evaluation.json``, and ``clips`` for the scores by clip."""

    split: str
    summary: dict[str, Any]
    clips: dict[str, Any]


def write_part(evaluation: Evaluation, origin: Mapping[str, Any], workdir: epath.PathLike) -> None:
    """Writes the evaluation of one split.

    Args:
        evaluation: The evaluation.
        origin: Everything that decides the scores, apart from the split.
        workdir: Where the results are kept.
    """
    folder = epath.Path(workdir) / PARTS
    folder.mkdir(parents=True, exist_ok=True)
    content = {"origin": _origin(origin), **dataclasses.asdict(evaluation)}
    atomic.write_text(folder / f"{evaluation.split}.json", json.dumps(content, allow_nan=False))


def read_part(split: str, sha256: str, origin: Mapping[str, Any], workdir: epath.PathLike) -> Evaluation | None:
    """Reads an earlier evaluation of a split; None if there is none for the same clips and origin."""
    found = _part(epath.Path(workdir) / PARTS / f"{split}.json", origin)
    return found if found and found.summary["sha256"] == sha256 else None


def read_parts(origin: Mapping[str, Any], workdir: epath.PathLike, first: Sequence[str]) -> list[Evaluation]:
    """Reads the evaluations of all splits with the given origin: those named ``first``, then the others by name."""
    paths = (epath.Path(workdir) / PARTS).glob("*.json")
    found = {part.split: part for path in sorted(paths) if (part := _part(path, origin))}
    return [found[name] for name in dict.fromkeys([*first, *found])]


def scored_weights(split: str, workdir: epath.PathLike) -> str | None:
    """Returns the fingerprint of the checkpoint whose scores of a split are kept, or None if there are none."""
    path = epath.Path(workdir) / PARTS / f"{split}.json"
    return json.loads(path.read_text())["origin"]["weights"][0] if path.exists() else None


def _part(path: epath.Path, origin: Mapping[str, Any]) -> Evaluation | None:
    """Reads the file of a split; None if it is missing, incomplete or of another origin."""
    if not path.exists():
        return None
    try:
        content = json.loads(path.read_text())
        return Evaluation(**content) if content.pop("origin") == _origin(origin) else None
    except (ValueError, KeyError, TypeError):
        return None


def write(evaluations: Sequence[Evaluation], workdir: epath.PathLike) -> None:
    """Writes the three files of results into the workdir, each atomically, ``evaluation.json`` last."""
    workdir = epath.Path(workdir)
    workdir.mkdir(parents=True, exist_ok=True)
    clips = {evaluation.split: evaluation.clips for evaluation in evaluations}
    splits = {evaluation.split: evaluation.summary for evaluation in evaluations}
    effects = clutter_effects({split: content["scores"] for split, content in clips.items()})
    document = {"protocol": describe_protocol(), "splits": splits, "clutter_effects": effects}
    atomic.write_text(workdir / TABLE, table_of_scores(evaluations))
    atomic.write_text(workdir / CLIPS, json.dumps(clips, allow_nan=False))
    atomic.write_text(workdir / DOCUMENT, json.dumps(document, indent=1, allow_nan=False))


def read(workdir: epath.PathLike) -> list[Evaluation]:
    """Reads the evaluations that ``write`` has written; an empty list if it has not written both of its files.

    Raises:
        ValueError: If one of them is damaged.
    """
    workdir = epath.Path(workdir)
    if not (workdir / DOCUMENT).exists() or not (workdir / CLIPS).exists():
        return []
    try:
        splits = json.loads((workdir / DOCUMENT).read_text())["splits"]
        clips = json.loads((workdir / CLIPS).read_text())
        return [Evaluation(split, summary, clips[split]) for split, summary in splits.items()]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{workdir / DOCUMENT} or {CLIPS} is damaged ({error}): run --mode=evaluate again") from error


def read_effects(workdir: epath.PathLike) -> dict[str, Any]:
    """Reads the effects of clutter by split that ``write`` has written."""
    return json.loads((epath.Path(workdir) / DOCUMENT).read_text())["clutter_effects"]


def table_of_scores(evaluations: Sequence[Evaluation]) -> str:
    """Returns every score with its interval as a row of CSV; unknown numbers are left empty."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    for evaluation in evaluations:
        summary = evaluation.summary
        for predictor, scores in summary["scores"].items():
            for metric, value in scores.items():
                low, high = summary.get("intervals", {}).get(predictor, {}).get(metric, (None, None))
                writer.writerow([evaluation.split, summary["clips"], predictor, metric, value, low, high])
    return file.getvalue()


def _origin(origin: Mapping[str, Any]) -> Any:
    """Returns the origin together with the protocol, as JSON types."""
    return json.loads(json.dumps({**origin, "protocol": describe_protocol()}))
