"""Config to clips."""

from ml_collections import ConfigDict

from futurepred_jax.data.scene import SHAPES
from futurepred_jax.data.spec import ClutterSpec
from futurepred_jax.data.store import StoredClips, materialize
from futurepred_jax.data.trajectories import FAMILIES

LABELS = {"family": len(FAMILIES), "shape": len(SHAPES)}
"""What a classifier tells of a clip's target, each with its number of classes."""

TRAINING_FIELDS = ("video", "instance", "noise", "index")
FIELDS = {"classifier": ("video", "noise", "index", *LABELS)}  # of a kind of config whose training reads others


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
        fields = FIELDS.get(config.kind, TRAINING_FIELDS)
        return materialize(spec(config), split, config.data.train_clips, config.storage.clips, fields=fields)
    return materialize(spec(config), split, config.evaluation.clips, config.storage.clips)


def evaluation_splits(config: ConfigDict) -> tuple[str, ...]:
    """Splits to score: what a predictor is built from also on the split of its gate."""
    return ("test_iid",) if predicts(config) else ("val_iid", "test_iid")


def predicts(config: ConfigDict) -> bool:
    """Whether a config's model predicts futures: then it has a tokenizer."""
    return config.get("tokenizer") is not None


def watches(config: ConfigDict) -> bool:
    """Whether a predictor has a motion pathway."""
    return config.get("pathway") is not None
