"""Config to clips."""

import dataclasses
from collections.abc import Sequence

import jax
from ml_collections import ConfigDict

from futurepred_jax.data.clips import EVALUATION_FIELDS
from futurepred_jax.data.spec import ClutterSpec
from futurepred_jax.data.store import StoredClips, draw_part, materialize
from futurepred_jax.training import distributed

TRAINING_FIELDS = ("video", "instance", "noise", "index")


def spec(config: ConfigDict) -> ClutterSpec:
    """The distribution of clips that a config trains on."""
    data = config.data.to_dict()
    fields = {field.name for field in dataclasses.fields(ClutterSpec)} & data.keys()
    return ClutterSpec(**{name: data[name] for name in fields} | {"context": data["context_frames"]})


def open_split(config: ConfigDict, split: str) -> StoredClips:
    """A split's clips, drawn into ``config.storage.clips`` by the first who asks.

    Training clips are kept without the labels that only evaluation reads.
    """
    return materialize(*_wanted(config, split), fields=_fields(split))


def open_split_together(config: ConfigDict, split: str) -> StoredClips:
    """The same, asked for by all processes of a training at once: each draws its part.

    Where they do not share the folder, each then draws the rest of its own.
    """
    if jax.process_count() > 1:
        parts = {"part": jax.process_index(), "parts": jax.process_count()}
        draw_part(*_wanted(config, split), **parts, fields=_fields(split), progress=jax.process_index() == 0)
        distributed.wait(f"drawn {split}")
    with distributed.first_alone(f"open {split}"):
        return open_split(config, split)


def _wanted(config: ConfigDict, split: str) -> tuple[ClutterSpec, str, int, str]:
    count = config.data.train_clips if split == "train" else config.evaluation.clips
    return spec(config), split, count, config.storage.clips


def _fields(split: str) -> Sequence[str]:
    return TRAINING_FIELDS if split == "train" else EVALUATION_FIELDS


def evaluation_splits(config: ConfigDict) -> tuple[str, ...]:
    """Splits to score: a tokenizer also where its gate is."""
    return ("test_iid",) if config.kind == "predictor" else ("val_iid", "test_iid")
