"""Config to clips."""

from ml_collections import ConfigDict

from futurepred_jax.data.spec import SPLITS, ClutterSpec
from futurepred_jax.data.store import StoredClips, materialize

TRAINING_FIELDS = ("video", "instance", "noise", "index")


def spec(config: ConfigDict) -> ClutterSpec:
    """The distribution of clips that a config trains on."""
    data = config.data
    return ClutterSpec(
        size=data.size,
        frames=data.frames,
        level=data.level,
        background=data.background,
        camera=data.camera,
        objects=tuple(data.objects),
        static_share=data.static_share,
        seed=data.seed,
    )


def open_split(config: ConfigDict, split: str) -> StoredClips:
    """A split's clips, drawn into ``config.storage.clips`` by the first who asks.

    Training clips are kept without the labels that only evaluation reads.
    """
    if split == "train":
        return materialize(spec(config), split, config.data.train_clips, config.storage.clips, fields=TRAINING_FIELDS)
    return materialize(spec(config), split, config.evaluation.clips, config.storage.clips)


def evaluation_splits(config: ConfigDict) -> tuple[str, ...]:
    """Splits to score, ``config.evaluation.splits`` or test_iid; a tokenizer also where its gate is.

    Raises:
        ValueError: there is no such split.
    """
    asked = tuple(name.strip() for name in config.evaluation.splits.split(",") if name.strip()) or ("test_iid",)
    if unknown := ", ".join(sorted(set(asked) - set(SPLITS))):
        raise ValueError(f"config.evaluation.splits: unknown {unknown}; known are {', '.join(SPLITS)}")
    return asked if config.kind == "predictor" else tuple(dict.fromkeys(("val_iid", *asked)))
