"""Tokens on disk: a folder of TFRecord shards, and ``index.json`` that says what they are the tokens of.

A record is one clip: its tokens [lt lh lw g], uint16, little-endian. The index has their shape, the tokenizer's
fingerprint, the clips', and of every shard its file, its number of records, their length in the file and its sha256.
"""

import dataclasses
import hashlib
import json
import uuid
from typing import Any

import numpy as np
from etils import epath
from jaxtyping import UInt16

from futurepred_jax.data.records import pack, unpack

INDEX = "index.json"
SHARD = 512  # clips; what is lost of the work when it is cut off is less than one shard


@dataclasses.dataclass(frozen=True)
class Origin:
    """What tokens are made from. Tokens of the same origin are the same.

    Attributes:
        tokenizer: fingerprint of its weights.
        clips: sha256 of all of them.
        count: how many they are.
        context: how many frames of each were taken with their noise.
    """

    tokenizer: str
    clips: str
    count: int
    context: int


class TokenShards:
    """The tokens of one origin, complete or as far as they were written.

    Raises:
        ValueError: the folder has tokens of another origin, or an index that cannot be read.
    """

    def __init__(self, folder: epath.PathLike, origin: Origin):
        self._folder, self._origin = epath.Path(folder), origin
        self._remedy = f"delete the folder {folder} and run again, and they are made anew"
        self._index = self._read_index()

    @property
    def written(self) -> int:
        """How many clips' tokens are there; shards are full but for the last of all."""
        return sum(shard["records"] for shard in self._index.get("shards", ()))

    def add(self, tokens: UInt16[np.ndarray, "n lt lh lw g"]) -> None:
        """Writes the next shard, and then the index with it: what a kill leaves behind is whole."""
        shards, file = self._index.get("shards", []), pack(tokens)
        shard = {
            "file": f"tokens-{len(shards):05d}.tfrecord",
            "records": len(tokens),
            "record_bytes": len(file) // len(tokens),
            "sha256": hashlib.sha256(file).hexdigest(),
        }
        self._folder.mkdir(parents=True, exist_ok=True)
        _write_whole(self._folder / shard["file"], file)
        self._index = {
            "origin": dataclasses.asdict(self._origin),
            "dtype": "uint16",
            "shape": list(tokens.shape[1:]),
            "shards": [*shards, shard],
        }
        _write_whole(self._folder / INDEX, json.dumps(self._index, indent=1).encode())

    def read(self) -> UInt16[np.ndarray, "n lt lh lw g"]:
        """All that is written, in order.

        Raises:
            ValueError: a shard is missing, or its bytes are not those that were written.
        """
        return np.concatenate([self._shard(shard) for shard in self._index["shards"]])

    def _shard(self, shard: dict[str, Any]) -> UInt16[np.ndarray, "n lt lh lw g"]:
        path = self._folder / shard["file"]
        if not path.exists():
            raise ValueError(f"{path} is missing, and {INDEX} lists it: {self._remedy}")
        file = path.read_bytes()
        if hashlib.sha256(file).hexdigest() != shard["sha256"]:
            raise ValueError(f"{path} is damaged, its sha256 is not that in {INDEX}: {self._remedy}")
        return unpack(file, tuple(self._index["shape"]))

    def _read_index(self) -> dict[str, Any]:
        path = self._folder / INDEX
        if not path.exists():
            return {}
        try:
            index = json.loads(path.read_text())
            found = Origin(**index["origin"])
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path} cannot be read ({error}): {self._remedy}") from error
        ours, theirs = dataclasses.asdict(self._origin), dataclasses.asdict(found)
        if differ := "; ".join(
            f"{name} {ours[name]}, there {theirs[name]}" for name in ours if ours[name] != theirs[name]
        ):
            raise ValueError(
                f"{self._folder} holds the tokens of another tokenizer or of other clips: {differ}. A training reads "
                f"only what its own tokenizer made of its own clips: {self._remedy}"
            )
        return index


def _write_whole(path: epath.Path, content: bytes) -> None:
    """Under another name first, so that it is there whole or not at all."""
    part = path.with_name(f"{path.name}.{uuid.uuid4().hex}.part")
    part.write_bytes(content)
    part.replace(path)
