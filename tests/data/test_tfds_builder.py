import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from futurepred_jax.data.clips import make_clip, noisy
from futurepred_jax.data.labels import FIELDS
from futurepred_jax.data.recorded import Cut
from futurepred_jax.data.recorded import tfds as recorded
from futurepred_jax.data.spec import ClutterSpec
from futurepred_jax.data.splits import CLUTTER_LEVELS, SPLITS
from futurepred_jax.data.tfds_builder import DIGESTS, LENGTHS, SIZES, ClutterConfig, ClutterVideos, digest, with_noise

pytestmark = pytest.mark.filterwarnings(r"ignore:label\(\) is deprecated")  # TFDS under protobuf 6, which Beam needs

SPEC = ClutterSpec(size=16, frames=5, level="heavy")
CHOSEN = ("train", "val_iid", "test_iid", "test_long")  # of all splits, to save time; the last has longer clips
SMALL = ClutterConfig(name="small", description="small", spec=SPEC, train_clips=3, evaluation_clips=2, splits=CHOSEN)


class ClutterVideosTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = ClutterVideos
    BUILDER_CONFIG_NAMES_TO_TEST = [SMALL]  # noqa: RUF012
    EXAMPLE_DIR = str(Path(__file__).parent)  # nothing is downloaded
    SPLITS = {split: 3 if split == "train" else 2 for split in CHOSEN}  # noqa: RUF012


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    builder = ClutterVideos(config=SMALL, data_dir=tmp_path_factory.mktemp("tfds"))
    builder.download_and_prepare()
    return builder


def examples(builder, split):
    return list(builder.as_dataset(split=split, shuffle_files=False).as_numpy_iterator())


def test_examples_are_the_clips_of_their_index(built):
    for split in ("train", "test_long"):
        for index, example in enumerate(examples(built, split)):
            clip = make_clip(SPEC, split, index, FIELDS)
            assert example.keys() == clip.keys() == FIELDS.keys()
            for name, value in clip.items():
                np.testing.assert_array_equal(example[name], value, err_msg=name)
                assert example[name].dtype == value.dtype


def test_noise_is_added_as_clips_are_read_and_not_stored(built):
    read: Any = with_noise(built.as_dataset(split="train", shuffle_files=False), SPEC, "train")
    for example in read.as_numpy_iterator():
        np.testing.assert_array_equal(example["noisy"], noisy(SPEC, "train", example))
        assert np.any(example["noisy"] != example["video"])


def test_every_label_says_what_it_is(built):
    documents = {label.name: label for label in built.info.features.catalog_documentation()}
    for name, field in FIELDS.items():
        assert documents[name].description == field.meaning
        assert tf.as_dtype(documents[name].tensor_info.dtype).name == field.dtype
        assert len(documents[name].tensor_info.shape) == len(field.axes.split())


def test_there_is_a_config_for_each_level_size_and_length():
    assert len(ClutterVideos.builder_configs) == len(CLUTTER_LEVELS) * len(SIZES) * len(LENGTHS)
    assert all(config.splits == tuple(SPLITS) for config in ClutterVideos.BUILDER_CONFIGS)
    config: Any = ClutterVideos.builder_configs["heavy_64px_49f"]
    assert (config.spec.level, config.spec.size, config.spec.frames) == ("heavy", 64, 49)
    assert "49 frames" in config.description


def test_evaluation_splits_have_the_same_sha256_every_time(built, tmp_path):
    again = ClutterVideos(config=SMALL, data_dir=tmp_path)
    again.download_and_prepare()
    recorded = [json.loads((Path(builder.data_dir) / DIGESTS).read_text()) for builder in (built, again)]
    assert recorded[0] == recorded[1]
    assert set(recorded[0]) == set(CHOSEN) - {"train"}
    assert digest(built, "val_iid") == recorded[0]["val_iid"]
    assert len(set(recorded[0].values())) == len(recorded[0])


def test_beam_makes_the_same_clips(built, tmp_path):
    pytest.importorskip("apache_beam", reason="apache_beam is not installed: pip install 'futurepred-jax[beam]'")
    builder = ClutterVideos(config=SMALL, data_dir=tmp_path)
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(beam_runner="DirectRunner"))
    assert (Path(builder.data_dir) / DIGESTS).read_text() == (Path(built.data_dir) / DIGESTS).read_text()


def source(built, rest=""):
    return recorded.recordings(f"clutter_videos/small,data_dir={Path(built.data_dir).parents[2]}{rest}")


def test_a_dataset_s_videos_are_recordings(built):
    found = source(built)
    assert [recording.name for recording in found] == ["train/0", "train/1", "train/2"]
    for index in (2, 0):
        video = found[index].read(Cut(size=16, frames=5, fps=6.0))
        np.testing.assert_array_equal(video, make_clip(SPEC, "train", index)["video"])
    assert len(source(built, ",split=test_iid")) == 2


def test_as_many_examples_are_read_at_once_as_fit_the_chunk(built, monkeypatch):
    reads = []
    as_dataset: Any = tfds.core.DatasetBuilder.as_dataset
    monkeypatch.setattr(
        tfds.core.DatasetBuilder,
        "as_dataset",
        lambda self, *, split, **rest: reads.append(split) or as_dataset(self, split, **rest),
    )
    monkeypatch.setattr(recorded, "LEAST", 1)
    monkeypatch.setattr(recorded, "CHUNK", 2 * 5 * 16 * 16 * 3)
    for recording in source(built):
        recording.read(Cut(size=16, frames=5, fps=6.0))
    assert reads == ["train[0:1]", "train[0:2]", "train[2:3]"]


@pytest.mark.parametrize(
    ("rest", "message"),
    [
        (",split=other", "no split 'other': say split=NAME, one of train"),
        (",feature=depth", r"say feature=NAME, one of its videos .*: video"),
        (",shard=3", "unknown shard; known are split, feature, data_dir"),
    ],
)
def test_what_a_dataset_lacks_is_answered_with_what_it_has(built, rest, message):
    with pytest.raises(ValueError, match=message):
        source(built, rest)


def test_a_dataset_that_is_not_here_names_the_command(tmp_path):
    with pytest.raises(ValueError, match="run `tfds build moving_mnist`"):
        recorded.recordings(f"moving_mnist,data_dir={tmp_path}")
    with pytest.raises(ValueError, match="TFDS knows no dataset 'moving_minst'"):
        recorded.recordings(f"moving_minst,data_dir={tmp_path}")


def test_moving_mnist_has_one_split_and_gives_that(tmp_path, monkeypatch):
    videos = np.random.default_rng(0).integers(0, 256, (20, 3, 64, 64), dtype=np.uint8)  # frames first, as its file
    np.save(tmp_path / "videos.npy", videos)
    monkeypatch.setattr(tfds.download.DownloadManager, "download", lambda *_: tmp_path / "videos.npy")
    tfds.builder("moving_mnist", data_dir=tmp_path).download_and_prepare()
    found = recorded.recordings(f"moving_mnist,data_dir={tmp_path}")
    assert [recording.name for recording in found] == ["test/0", "test/1", "test/2"]
    read = {recording.read(Cut(size=64, frames=17, fps=6.0)).tobytes() for recording in found}
    assert read == {videos[:, clip, ..., None].repeat(3, axis=-1).tobytes() for clip in range(3)}


@pytest.mark.slow
def test_the_command_line_builds_it(tmp_path):
    pytest.importorskip("mlcroissant", reason="the command tfds needs it: pip install 'futurepred-jax[tfds]'")
    line = ["tfds", "build", "clutter_videos/clean_32px_17f", "--imports=futurepred_jax.data.tfds_builder"]
    limits = ["--max_examples_per_split=1", f"--data_dir={tmp_path}"]
    command = [sys.executable, "-c", "from tensorflow_datasets.scripts.cli.main import launch_cli; launch_cli()"]
    done = subprocess.run([*command, *line[1:], *limits], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    (built,) = tmp_path.glob("clutter_videos/clean_32px_17f/*/dataset_info.json")
    assert built.with_name(DIGESTS).exists()
