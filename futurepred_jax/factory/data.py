"""Config to clips."""

import dataclasses

from ml_collections import ConfigDict

from futurepred_jax.data.spec import ClutterSpec
from futurepred_jax.data.store import StoredClips, materialize

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
    if split == "train":
        return materialize(spec(config), split, config.data.train_clips, config.storage.clips, fields=TRAINING_FIELDS)
    return materialize(spec(config), split, config.evaluation.clips, config.storage.clips)


def evaluation_splits(config: ConfigDict) -> tuple[str, ...]:
    """Splits to score: a tokenizer also where its gate is."""
    return ("test_iid",) if config.kind == "predictor" else ("val_iid", "test_iid")
