"""Config to clips."""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict

from futurepred_jax.data.clips import EVALUATION_FIELDS, make_clip, noisy
from futurepred_jax.data.labels import FIELDS
from futurepred_jax.data.pipeline import Clips
from futurepred_jax.data.recorded import HELD_OUT, Cut, Recording, arrays, describe, digits, files, record_clips, tfds
from futurepred_jax.data.scene import SHAPES
from futurepred_jax.data.spec import SPLITS, ClutterSpec
from futurepred_jax.data.store import draw_part, materialize
from futurepred_jax.data.trajectories import FAMILIES
from futurepred_jax.training import distributed

LABELS = {"family": len(FAMILIES), "shape": len(SHAPES)}
"""What a classifier tells of a clip's target, each with its number of classes."""

TRAINING_FIELDS = ("video", "instance", "noise", "index", *LABELS)  # for models of all kinds, which share stored clips


def spec(config: ConfigDict) -> ClutterSpec:
    """The distribution of clips that a config trains on; one that was read from a workdir has lists for tuples."""
    data: dict[str, Any] = config.data.to_dict()
    data |= {name: tuple(value) for name, value in data.items() if isinstance(value, list)}
    fields = {field.name for field in dataclasses.fields(ClutterSpec)} & data.keys()
    return ClutterSpec(**{name: data[name] for name in fields} | {"context": data["context_frames"]})


def is_synthetic(config: ConfigDict) -> bool:
    """Whether a config's clips are drawn, so that masks, places and lifetimes of their objects are known."""
    return config.data.source == "clutter"


def source_name(config: ConfigDict) -> str:
    """What the scores of a config's clips are of: its source, or what that stands in for."""
    return digits.NAME if config.data.source == "digits" else config.data.source


def open_split(config: ConfigDict, split: str, *, first: int | None = None) -> Clips:
    """A split's clips, drawn or cut into ``config.storage.clips`` by the first who asks.

    Args:
        config: Of any kind.
        split: Its name.
        first: How many are needed, where not all are: of clutter no more are drawn.

    Raises:
        ValueError: ``config.data.source`` names no source or place, or one that has no such clips; or
            ``config.storage.clips`` is no local folder.
    """
    kind, _, place = config.data.source.partition(":")
    if kind not in SOURCES:
        raise ValueError(f"config.data.source {config.data.source!r}: known are {', '.join(SOURCES)}")
    if kind in PLACED and not place:
        raise ValueError(f"config.data.source {config.data.source!r}: it needs a place, {kind}:{PLACED[kind]}")
    return SOURCES[kind](config, split, place, first)


def open_split_together(config: ConfigDict, split: str) -> Clips:
    """The same, asked for by all processes of a training at once: clutter is drawn by all, each its part.

    Where they do not share the folder, each then draws the rest of its own.
    """
    if jax.process_count() > 1 and is_synthetic(config):
        parts = {"part": jax.process_index(), "parts": jax.process_count()}
        progress = jax.process_index() == 0
        draw_part(*_wanted(config, split), **parts, fields=_fields(split), progress=progress)
        distributed.wait(f"drawn {split}")
    with distributed.process_zero_first(f"open {split}"):
        return open_split(config, split)


def sample_clips(config: ConfigDict, split: str, count: int) -> dict[str, np.ndarray]:
    """At most ``count`` clips of a split, the first ones, with every label there is; clutter is drawn and not kept.

    Raises as ``open_split``.
    """
    if not is_synthetic(config):
        clips = open_split(config, split)
        return clips.batch(np.arange(min(count, len(clips))))
    drawn = [make_clip(spec(config), split, index, FIELDS) for index in range(count)]
    drawn = [{**clip, "noisy": noisy(spec(config), split, clip)} for clip in drawn]
    return {name: np.stack([clip[name] for clip in drawn]) for name in drawn[0]}


def clutter(config: ConfigDict, split: str, place: str, first: int | None) -> Clips:
    """Clutter videos; training clips are kept without the labels that only evaluation reads."""
    if place:
        raise ValueError(f"config.data.source 'clutter:{place}': clutter is drawn and has no place; say clutter")
    return materialize(*_wanted(config, split, first), fields=_fields(split))


def recorded(
    find: Callable[[str], list[Recording]], config: ConfigDict, split: str, place: str, _: int | None
) -> Clips:
    """All clips of recordings that ``find`` finds at a place; what was left out is told."""
    data = config.data
    clips = record_clips(
        find(place),
        split,
        Cut(size=data.size, frames=data.frames, fps=data.fps),
        _folder(config),
        held_out=data.held_out,
        on_error=data.on_error,
    )
    print(f"{source_name(config)}, {describe(clips)}")
    return clips


SOURCES: dict[str, Callable[[ConfigDict, str, str, int | None], Clips]] = {
    "clutter": clutter,
    "files": functools.partial(recorded, files.recordings),
    "arrays": functools.partial(recorded, arrays.recordings),
    "tfds": functools.partial(recorded, tfds.recordings),
    "digits": functools.partial(recorded, digits.recordings),
}
"""Where clips come from, by what stands before the colon of ``config.data.source``; after it stands the place."""

PLACED = {"files": "FOLDER", "arrays": "FILE.npz", "tfds": "NAME"}
"""Sources that need a place, and what it is."""


def evaluation_splits(config: ConfigDict) -> tuple[str, ...]:
    """Splits to score, ``config.evaluation.splits`` or test_iid; what a predictor is built from also on its gate's.

    Of all, the one that models are chosen on comes last: a report opens on the first.

    Raises:
        ValueError: there is no such split.
    """
    asked = _named_splits(config) or ("test_iid",)
    if "train" in asked and is_synthetic(config):
        held_out = ", ".join(name for name in SPLITS if name != "train")
        raise ValueError(f"train is not scored, its clips are stored without labels: known are all, {held_out}")
    gated = not is_predictor(config) and not config.evaluation.predictions
    return tuple(dict.fromkeys(("val_iid", *asked))) if gated else asked


def token_splits(config: ConfigDict) -> tuple[str, ...]:
    """Splits to tokenize, ``config.evaluation.splits`` or those that a training reads. Raises as above."""
    return _named_splits(config) or ("train", "val_iid")


def _named_splits(config: ConfigDict) -> tuple[str, ...]:
    known = tuple(SPLITS) if is_synthetic(config) else ("train", *HELD_OUT)
    asked = tuple(name.strip() for name in config.evaluation.splits.split(",") if name.strip())
    if asked == ("all",):
        asked = (*(name for name in known if name not in ("train", "val_iid")), "val_iid")
    if unknown := ", ".join(sorted(set(asked) - set(known))):
        raise ValueError(f"config.evaluation.splits: unknown {unknown}; known are all, {', '.join(known)}")
    return asked


def is_predictor(config: ConfigDict) -> bool:
    """Whether a config's model predicts futures: then it has a tokenizer."""
    return config.get("tokenizer") is not None


def has_outlook(config: ConfigDict) -> bool:
    """Whether a predictor reads a first guess."""
    return config.get("outlook") is not None


def uses_mirror_images(config: ConfigDict, split: str) -> bool:
    """Whether what is trained on a split's tokens learns from the mirror images of its clips, too.

    Clutter has none: its light comes from one side, and of it more can be drawn.
    """
    return split == "train" and not is_synthetic(config) and config.get("mirrored", False)


def has_pathways(config: ConfigDict) -> bool:
    """Whether a predictor has motion pathways."""
    return config.get("pathways") is not None


def has_realism_losses(config: ConfigDict) -> bool:
    """Whether a tokenizer is trained to look real, besides near in pixels."""
    return config.get("realism") is not None


def clip_count(config: ConfigDict, split: str) -> int:
    """How many clips of a split are drawn."""
    return config.data.train_clips if split == "train" else config.evaluation.clips


def _wanted(config: ConfigDict, split: str, first: int | None = None) -> tuple[ClutterSpec, str, int, str]:
    count = clip_count(config, split)
    return spec(config), split, min(first or count, count), _folder(config)


def _folder(config: ConfigDict) -> str:
    """Of all clips. Raises a ValueError for a store that is no folder."""
    if "://" in config.storage.clips:
        raise ValueError(f"config.storage.clips={config.storage.clips}: it is a local folder; give one on this machine")
    return config.storage.clips


def _fields(split: str) -> Sequence[str]:
    return TRAINING_FIELDS if split == "train" else EVALUATION_FIELDS
