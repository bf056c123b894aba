"""Clutter videos as a TFDS dataset, drawn on one machine or, through Beam, on many.

tfds build clutter_videos/moderate_64px_17f --imports=futurepred_jax.data.tfds_builder [--beam_pipeline_options=…]

Videos are stored clean; ``with_noise`` adds the noise that belongs to each as it is read.
"""

import dataclasses
import functools
import hashlib
import itertools
import json
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds
from etils import epath

from futurepred_jax.data.clips import make_clip, noisy
from futurepred_jax.data.labels import FIELDS, Field
from futurepred_jax.data.spec import ClutterSpec
from futurepred_jax.data.splits import CLUTTER_LEVELS, SPLITS
from futurepred_jax.data.store import NOISE_NEEDS
from futurepred_jax.data.trajectories import FAMILIES, IRREDUCIBLE

SIZES = {32: 6144, 64: 65536, 128: 65536}  # pixels a side: training clips
LENGTHS = (17, 49)  # frames
BUSY = {
    "background": "any",
    "camera": "orbit",
    "rotation": "tumble",
    "combinations": "seen",
    "families": tuple(name for name in FAMILIES if name not in (*IRREDUCIBLE, *SPLITS["test_traj"]["families"])),
}
DIGESTS = "sha256.json"
DESCRIPTION = """Objects on known trajectories before a pinhole camera, among persistent and transient clutter,
occluders and noise, with the truth about every object in every frame. A clip is a function of the specification, its
split and its index. Videos are free of noise; futurepred_jax.data.tfds_builder.with_noise adds it as they are read."""


@dataclasses.dataclass(eq=False)
class ClutterConfig(tfds.core.BuilderConfig):
    """Which clips, and how many of them.

    Attributes:
        spec: what they are.
        train_clips: clips of the training split.
        evaluation_clips: clips of every other split.
        splits: which to make.
    """

    spec: ClutterSpec = dataclasses.field(default_factory=ClutterSpec)
    train_clips: int = 6144
    evaluation_clips: int = 256
    splits: tuple[str, ...] = tuple(SPLITS)


def _config(level: str, size: int, frames: int) -> ClutterConfig:
    """Small videos are calm, as those of the small presets."""
    surroundings = {} if size == 32 else BUSY
    return ClutterConfig(
        name=f"{level}_{size}px_{frames}f",
        description=f"{level} clutter, {size} × {size} pixels, {frames} frames at 6 a second",
        spec=ClutterSpec(size=size, frames=frames, level=level, **surroundings),
        train_clips=SIZES[size],
    )


class ClutterVideos(tfds.core.GeneratorBasedBuilder):
    """The dataset ``clutter_videos``; a split's sha256 is in ``sha256.json`` beside its records."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First version."}  # noqa: RUF012
    BUILDER_CONFIGS = [_config(*names) for names in itertools.product(CLUTTER_LEVELS, SIZES, LENGTHS)]  # noqa: RUF012

    builder_config: ClutterConfig

    def _info(self) -> tfds.core.DatasetInfo:
        features = {name: _feature(name, field, self.builder_config.spec) for name, field in FIELDS.items()}
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(features), description=DESCRIPTION, disable_shuffling=True
        )

    def download_and_prepare(self, **options: Any) -> None:
        """Draw what is not there yet, and write down the sha256 of the splits that are evaluated on."""
        super().download_and_prepare(**options)
        path = epath.Path(self.data_dir) / DIGESTS
        if not path.exists():
            evaluated = [split for split in self.builder_config.splits if split != "train"]
            path.write_text(json.dumps({split: digest(self, split) for split in evaluated}, indent=1))

    def _generate_splits(self, dl_manager: Any, download_config: Any) -> Any:
        self._on_beam = bool(download_config.beam_runner or download_config.beam_options)
        return super()._generate_splits(dl_manager, download_config)

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        del dl_manager  # nothing is downloaded
        config = self.builder_config
        return {
            split: self._generate_examples(split, config.train_clips if split == "train" else config.evaluation_clips)
            for split in config.splits
        }

    def _generate_examples(self, split: str, count: int) -> Any:
        """Keys and clips; on Beam as a transform, so that any worker draws any of them."""
        example = functools.partial(_example, self.builder_config.spec, split)
        if not self._on_beam:
            return map(example, range(count))
        beam = tfds.core.lazy_imports.apache_beam
        return beam.Create(range(count)) | beam.Map(example)


def with_noise(examples: tf.data.Dataset, spec: ClutterSpec, split: str) -> tf.data.Dataset:
    """Add ``noisy``, uint8 [t h w 3], to clips of a split: the very bits that ``clips.noisy`` makes."""

    def add(*given: np.ndarray | np.generic) -> np.ndarray:
        return noisy(spec, split, {name: np.asarray(value) for name, value in zip(NOISE_NEEDS, given, strict=True)})

    @tf.autograph.experimental.do_not_convert
    def load(example: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        made = tf.numpy_function(add, [example[name] for name in NOISE_NEEDS], tf.uint8, stateful=False)
        return {**example, "noisy": tf.ensure_shape(made, example["video"].shape)}

    return examples.map(load, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)


def digest(builder: tfds.core.DatasetBuilder, split: str) -> str:
    """sha256 over all bytes of a split's examples in the order of their index, whatever shards they are in."""
    found = {}
    examples: Any = builder.as_dataset(split=split, shuffle_files=False)  # pyright: ignore[reportCallIssue]
    for example in examples.as_numpy_iterator():
        whole = hashlib.sha256()
        for name, value in sorted(example.items()):
            whole.update(f"{name} {value.dtype} {value.shape} ".encode() + np.ascontiguousarray(value).tobytes())
        found[int(example["index"])] = whole.digest()
    return hashlib.sha256(b"".join(found[index] for index in sorted(found))).hexdigest()


def _example(spec: ClutterSpec, split: str, index: int) -> tuple[int, dict[str, np.ndarray]]:
    return index, make_clip(spec, split, index, FIELDS)


def _feature(name: str, field: Field, spec: ClutterSpec) -> tfds.features.FeatureConnector:
    """A field's feature; clips of some splits are longer, so the number of frames is left open."""
    axes = field.axes.split()
    shape = tuple(None if axis == "t" else length for axis, length in zip(axes, field.shape(spec), strict=True))
    if name == "video":
        return tfds.features.Video(shape=shape, doc=field.meaning)
    encoding = tfds.features.Encoding.ZLIB if {"h", "w"} <= set(axes) else tfds.features.Encoding.NONE
    return tfds.features.Tensor(shape=shape, dtype=np.dtype(field.dtype), encoding=encoding, doc=field.meaning)
