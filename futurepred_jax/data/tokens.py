"""A split's tokens, made once and kept beside their tokenizer: what predictors train on while it stays as it is."""

import dataclasses
import json
import os
import zipfile
from collections.abc import Callable

import numpy as np
from etils import epath
from jaxtyping import Int, UInt8
from tqdm import tqdm

from futurepred_jax.data.pipeline import ArraySource, Clips, Source, epoch

Encode = Callable[[UInt8[np.ndarray, "b t h w 3"]], np.ndarray]
"""Frames to tokens [b lt lh lw g]."""


def cached_tokens(
    clips: Clips,
    encode: Encode,
    folder: epath.PathLike,
    *,
    context: int,
    sizes: tuple[int, ...],
    identity: str,
    batch_size: int = 32,
) -> ArraySource:
    """The field ``tokens``, [n lt lh lw g] in the smallest unsigned type that holds them, of every clip of a split.

    A clip is tokenized as it is predicted: its first ``context`` frames with their noise, the rest without.

    Args:
        clips: the split.
        encode: the tokenizer.
        folder: of the cache; a file there is used if it was made from the same clips, context and tokenizer.
        context: frames.
        sizes: number of codes of each digit.
        identity: of the tokenizer, such as a hash of its weights.
        batch_size: clips encoded at once.
    """
    path = epath.Path(folder) / f"{clips.split}.npz"
    origin = json.dumps({"clips": clips.sha256, "count": len(clips), "context": context, "tokenizer": identity})
    tokens = _read(path, origin)
    if tokens is None:
        tokens = _encode_all(clips, encode, context, batch_size).astype(np.min_scalar_type(max(sizes) - 1))
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}.part")
        with part.open("wb") as file:
            np.savez(file, tokens=tokens, origin=np.array(origin))
        part.replace(path)
    return ArraySource({"tokens": tokens})


@dataclasses.dataclass(frozen=True)
class TokensInContext:
    """Tokens of clips, and beside them the field ``context``, uint8 [n past h w 3]: their first frames with noise."""

    tokens: Source
    clips: Source
    context: int

    def __len__(self) -> int:
        return len(self.tokens)

    def batch(self, indices: Int[np.ndarray, "b"]) -> dict[str, np.ndarray]:
        """Both fields of some clips."""
        return {**self.tokens.batch(indices), "context": self.clips.batch(indices)["noisy"][:, : self.context]}


def _read(path: epath.Path, origin: str) -> np.ndarray | None:
    """The tokens of a cache of this origin; none where it is of another or was cut off, for it can be made again."""
    if not path.exists():
        return None
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return arrays["tokens"] if str(arrays["origin"]) == origin else None
    except (zipfile.BadZipFile, EOFError, KeyError, ValueError):
        return None


def _encode_all(clips: Clips, encode: Encode, context: int, batch_size: int) -> np.ndarray:
    found = []
    with tqdm(total=len(clips), desc=f"tokenize {clips.split}", unit="clip") as bar:
        for batch in epoch(clips, batch_size=batch_size):
            video = np.concatenate([batch["noisy"][:, :context], batch["video"][:, context:]], axis=1)
            found.append(np.asarray(encode(video))[batch["valid"]])
            bar.update(len(found[-1]))
    return np.concatenate(found)
