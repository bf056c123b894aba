"""Clips with the futures that models predict of them, to be picked by what is in them and by how a model fails."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from futurepred_jax.metrics.table import REFERENCE_FLOORS
from futurepred_jax.reporting import formats
from futurepred_jax.reporting.breakdown import CLUTTER_BINS, clutter_level
from futurepred_jax.reporting.failures import KINDS, failures
from futurepred_jax.reporting.models import Model
from futurepred_jax.reporting.players import pack
from futurepred_jax.reporting.vocabulary import HEADLINE, METRICS, predictor_label
from futurepred_jax.reporting.workdir import Prediction

CASES = ("random", "best", "worst")


@dataclasses.dataclass(frozen=True)
class Gallery:
    """``panels`` are labels by name, ``filters`` values by which clips are picked, ``clips`` is for the script."""

    panels: dict[str, str]
    filters: dict[str, list[str]]
    clips: list[dict[str, Any]]


def make_gallery(models: Sequence[Model], columns: Sequence[str] = HEADLINE) -> Gallery | None:
    """Of every clip that some model's first run has predicted, with those of its scores; None where none has."""
    shown = {model.label: {_key(one): one for one in model.runs[0].predictions} for model in models}
    keys = sorted({key for found in shown.values() for key in found}, key=lambda key: _rank(key, shown))
    if not keys:
        return None
    names = ["Predicted"] if len(models) == 1 else [model.label for model in models]
    panels = {"truth": "True future", **{f"model-{i}": name for i, name in enumerate(names)}, "copy_last": "Last frame"}
    clips = [_clip(key, [shown[model.label].get(key) for model in models], names, columns) for key in keys]
    return Gallery(panels, _filters(clips), clips)


def _clip(
    key: tuple[str, int], found: Sequence[Prediction | None], names: Sequence[str], columns: Sequence[str]
) -> dict[str, Any]:
    first = next(one for one in found if one is not None)
    context = first.films["context"]
    futures = [
        first.films["truth"],
        *(one.films["prediction"] if one else None for one in found),
        first.films["copy_last"],
    ]
    films = {str(i): None if f is None else np.concatenate([context, f]) for i, f in enumerate(futures)}
    packed = pack(films, context=len(context), fps=first.entry.get("fps", 6.0))
    failed = dict.fromkeys(kind for one in found if one for kind in failures(one.entry["scores"].get("model", {})))
    return {
        **packed.plain(),
        "name": f"{key[0]} {key[1]}",
        "split": key[0],
        "case": _cases(found, names),
        "motion": [name.replace("_", " ") for name in first.entry.get("families", ())],
        "clutter": [clutter_level(first.entry["clutter"])] if "clutter" in first.entry else [],
        "failure": list(failed),
        "tracks": _tracks(first, found),
        "scores": _scores(found, names, columns),
    }


def _cases(found: Sequence[Prediction | None], names: Sequence[str]) -> list[str]:
    """Why a clip is shown: "best", or with several models "best of NAME"."""
    whys = [(one.entry["why"], name) for one, name in zip(found, names, strict=True) if one]
    if len(names) == 1:
        return [whys[0][0]]
    return list(dict.fromkeys(why if why == "random" else f"{why} of {name}" for why, name in whys))


def _tracks(first: Prediction, found: Sequence[Prediction | None]) -> dict[str, Any] | None:
    """Where objects are and where each panel's tracker finds them; [frame][object] is [x, y] or null."""
    if first.tracks is None:
        return None
    lost = [None if one is None or one.tracks is None else _points(one.tracks["found"]) for one in found]
    colours = [f"rgb({', '.join(map(str, rgb))})" for rgb in first.tracks["colours"].tolist()]
    return {"colours": colours, "places": _points(first.tracks["places"]), "found": [None, *lost, None]}


def _points(track: np.ndarray) -> list[list[list[float] | None]]:
    return [[[round(float(x), 1), round(float(y), 1)] if np.isfinite(x) else None for x, y in frame] for frame in track]


def _scores(found: Sequence[Prediction | None], names: Sequence[str], columns: Sequence[str]) -> list[list[str]]:
    """A row each: label and scores."""
    rows = [(name, one.entry["scores"].get("model", {})) for name, one in zip(names, found, strict=True) if one]
    first = next(one for one in found if one)
    rows += [
        (predictor_label(who).label, first.entry["scores"][who])
        for who in REFERENCE_FLOORS
        if who in first.entry["scores"]
    ]
    return [[label, *(formats.score(scores.get(n), METRICS[n]) for n in columns)] for label, scores in rows if scores]


def _filters(clips: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Values in the order in which they make sense; a filter that would not filter is left out."""
    order = {
        "split": list(dict.fromkeys(clip["split"] for clip in clips)),
        "case": sorted(
            {c for clip in clips for c in clip["case"]}, key=lambda case: (CASES.index(case.split()[0]), case)
        ),
        "motion": sorted({name for clip in clips for name in clip["motion"]}),
        "clutter": [name for _, _, name in CLUTTER_BINS if any(name in clip["clutter"] for clip in clips)],
        "failure": [kind.label for kind in KINDS if any(kind.label in clip["failure"] for clip in clips)],
    }
    return {name: values for name, values in order.items() if len(values) > 1 or (name == "failure" and values)}


def _key(one: Prediction) -> tuple[str, int]:
    return one.entry["split"], one.entry["index"]


def _rank(key: tuple[str, int], shown: Mapping[str, Mapping[tuple[str, int], Prediction]]) -> tuple[int, int]:
    """Random clips first, then best, then worst, each in the order in which they were chosen."""
    entries = [(list(found).index(key), found[key].entry["why"]) for found in shown.values() if key in found]
    return min(CASES.index(why) for _, why in entries), min(place for place, _ in entries)
