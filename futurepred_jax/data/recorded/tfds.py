"""Videos of a TFDS dataset that is already on this machine: a video feature, or a sequence of images."""

import functools
import threading
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import UInt8

from futurepred_jax.data.recorded.recording import Cut, Frames, Recording, fitted

OPTIONS = ("split", "feature", "data_dir")
CHUNK = 2**25  # bytes of video read at once, for TFRecords are read in order
LEAST = 16  # examples read at once, however large


def recordings(place: str) -> list[Recording]:
    """A recording for each example of ``NAME[,split=…][,feature=…][,data_dir=…]``, called by split and number.

    The split is TFDS's, ``train`` unless said otherwise: ours are taken from it, so that its own test split is never
    trained on; a dataset of one split, as moving_mnist of its test split, gives that. A feature needs to be named where
    there are several videos. Frames have no clock and are taken one by one.

    Raises:
        ValueError: the dataset is unknown or not on this machine, an option is unknown, or there is no one video.
    """
    import tensorflow_datasets as tfds  # seconds, and needless to other sources

    name, options = _parsed(place)
    try:
        builder = tfds.builder(name, data_dir=options.get("data_dir"))
    except tfds.core.DatasetNotFoundError as error:
        raise ValueError(
            f"config.data.source: TFDS knows no dataset {name!r} ({str(error).splitlines()[0]})"
        ) from error
    if not builder.is_prepared():
        raise ValueError(f"tfds:{name} is not in {builder.data_dir}: run `tfds build {name}`, or say data_dir=FOLDER")
    known = [*builder.info.splits]
    split = options.get("split", known[0] if len(known) == 1 else "train")
    if split not in known:
        raise ValueError(f"tfds:{name} has no split {split!r}: say split=NAME, one of {', '.join(known)}")
    features: Any = builder.info.features
    videos = _Videos(builder, split, _feature(name, features.get_tensor_info(), options.get("feature")))
    version = f"{builder.info.full_name} {builder.info.splits[split].num_examples} {videos.feature}"
    return [Recording(f"{split}/{i}", version, functools.partial(videos.read, i)) for i in range(len(videos))]


def _parsed(place: str) -> tuple[str, dict[str, str]]:
    name, *pairs = place.split(",")
    options = {key: value for key, _, value in (pair.partition("=") for pair in pairs)}
    if unknown := sorted(options.keys() - set(OPTIONS)):
        raise ValueError(
            f"config.data.source tfds:{place}: unknown {', '.join(unknown)}; known are {', '.join(OPTIONS)}"
        )
    return name, options


def _feature(name: str, tensors: Mapping[str, Any], asked: str | None) -> str:
    """The feature that was asked for, or the only one that is a video."""
    videos = [key for key, tensor in tensors.items() if _is_video(tensor)]
    if asked is None and len(videos) == 1:
        return videos[0]
    if asked not in videos:
        raise ValueError(
            f"tfds:{name}: say feature=NAME, one of its videos (uint8 [t h w 3] or [t h w 1]): "
            f"{', '.join(videos) or 'there are none'}"
        )
    return asked


def _is_video(tensor: Any) -> bool:
    shape = getattr(tensor, "shape", ())  # a nested feature is a dict, which has none
    return len(shape) == 4 and shape[-1] in (1, 3) and tensor.dtype == np.uint8


class _Videos:
    """Videos of a split by number; in chunks, from any thread."""

    def __init__(self, builder: Any, split: str, feature: str):
        self.feature = feature
        self._builder, self._split = builder, split
        self._lock = threading.Lock()
        self._chunk = functools.lru_cache(maxsize=2)(self._load)

    def __len__(self) -> int:
        return self._builder.info.splits[self._split].num_examples

    def read(self, number: int, cut: Cut) -> Frames:
        """The frames of one example."""
        with self._lock:
            video = self._chunk(number // self._size)[number % self._size]
        return fitted(video, cut)

    @functools.cached_property
    def _size(self) -> int:
        """Examples in a chunk, of which the first few show how large they are."""
        few = self._between(0, min(LEAST, len(self)))
        return max(LEAST, CHUNK // max(video.nbytes for video in few))

    def _load(self, chunk: int) -> list[UInt8[np.ndarray, "t h w c"]]:
        return self._between(chunk * self._size, min((chunk + 1) * self._size, len(self)))

    def _between(self, start: int, end: int) -> list[UInt8[np.ndarray, "t h w c"]]:
        examples = self._builder.as_dataset(split=f"{self._split}[{start}:{end}]", shuffle_files=False)
        return [example[self.feature] for example in examples.as_numpy_iterator()]
