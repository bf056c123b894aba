"""Config to clips."""

import dataclasses
import functools
from collections.abc import Callable

import numpy as np
from ml_collections import ConfigDict

from futurepred_jax.data.clips import make_clip, noisy
from futurepred_jax.data.labels import FIELDS
from futurepred_jax.data.pipeline import Clips
from futurepred_jax.data.recorded import Cut, Recording, arrays, describe, files, record_clips, tfds
from futurepred_jax.data.spec import ClutterSpec
from futurepred_jax.data.store import materialize

TRAINING_FIELDS = ("video", "instance", "noise", "index")


def spec(config: ConfigDict) -> ClutterSpec:
    """The distribution of clips that a config trains on."""
    data = config.data.to_dict()
    fields = {field.name for field in dataclasses.fields(ClutterSpec)} & data.keys()
    return ClutterSpec(**{name: data[name] for name in fields} | {"context": data["context_frames"]})


def open_split(config: ConfigDict, split: str) -> Clips:
    """A split's clips, drawn or cut into ``config.storage.clips`` by the first who asks.

    Raises:
        ValueError: ``config.data.source`` names no source, or one that has no such clips.
    """
    kind, _, place = config.data.source.partition(":")
    if kind not in SOURCES:
        raise ValueError(f"config.data.source {config.data.source!r}: known are {', '.join(SOURCES)}")
    return SOURCES[kind](config, split, place)


def sample_clips(config: ConfigDict, split: str, count: int) -> dict[str, np.ndarray]:
    """At most ``count`` clips of a split, the first ones, with every label there is; clutter is drawn and not kept.

    Raises as ``open_split``.
    """
    if config.data.source != "clutter":
        clips = open_split(config, split)
        return clips.batch(np.arange(min(count, len(clips))))
    drawn = [make_clip(spec(config), split, index, FIELDS) for index in range(count)]
    drawn = [{**clip, "noisy": noisy(spec(config), split, clip)} for clip in drawn]
    return {name: np.stack([clip[name] for clip in drawn]) for name in drawn[0]}


def clutter(config: ConfigDict, split: str, place: str) -> Clips:
    """Clutter videos; training clips are kept without the labels that only evaluation reads."""
    if place:
        raise ValueError(f"config.data.source 'clutter:{place}': clutter is drawn and has no place; say clutter")
    if split == "train":
        return materialize(spec(config), split, config.data.train_clips, config.storage.clips, fields=TRAINING_FIELDS)
    return materialize(spec(config), split, config.evaluation.clips, config.storage.clips)


def recorded(find: Callable[[str], list[Recording]], config: ConfigDict, split: str, place: str) -> Clips:
    """All clips of recordings that ``find`` finds at a place; what was left out is told."""
    data = config.data
    clips = record_clips(
        find(place),
        split,
        Cut(size=data.size, frames=data.frames, fps=data.fps),
        config.storage.clips,
        held_out=data.held_out,
        on_error=data.on_error,
    )
    print(f"{data.source}, {describe(clips)}")
    return clips


SOURCES: dict[str, Callable[[ConfigDict, str, str], Clips]] = {
    "clutter": clutter,
    "files": functools.partial(recorded, files.recordings),
    "arrays": functools.partial(recorded, arrays.recordings),
    "tfds": functools.partial(recorded, tfds.recordings),
}
"""Where clips come from, by what stands before the colon of ``config.data.source``; after it stands the place."""


def evaluation_splits(config: ConfigDict) -> tuple[str, ...]:
    """Splits to score: a tokenizer also where its gate is."""
    return ("test_iid",) if config.kind == "predictor" else ("val_iid", "test_iid")
