"""A split's tokens, made once and kept beside their tokenizer: what predictors train on while it stays as it is."""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from etils import epath
from jaxtyping import Int, UInt8, UInt16
from tqdm import tqdm

from futurepred_jax.data.pipeline import ArraySource, Clips, Source, epoch
from futurepred_jax.data.shards import alone
from futurepred_jax.data.token_shards import SHARD, Origin, TokenShards

Encode = Callable[[UInt8[np.ndarray, "b t h w 3"]], np.ndarray]
"""Frames to tokens [b lt lh lw g]."""


def stored_tokens(
    clips: Clips,
    encode: Encode,
    folder: epath.PathLike,
    *,
    context: int,
    sizes: tuple[int, ...],
    identity: str,
    batch_size: int = 32,
) -> ArraySource:
    """The field ``tokens``, uint16 [n lt lh lw g], of every clip of a split; what is not there yet is made.

    A clip is tokenized as it is predicted: its first ``context`` frames with their noise, the rest without. Work that
    was cut off goes on with the shard that it was cut off in, and ends with the same bytes.

    Args:
        clips: the split.
        encode: the tokenizer.
        folder: of all splits; ``token_folder`` in it is this one's.
        context: frames.
        sizes: number of codes of each digit.
        identity: of the tokenizer, such as a hash of its weights.
        batch_size: clips encoded at once, a divisor of ``token_shards.SHARD``.

    Raises:
        ValueError: a digit has more codes than uint16 has numbers; or the folder has another tokenizer's tokens, other
            clips', or damaged ones.
    """
    if max(sizes) > 1 << 16:
        raise ValueError(
            f"a digit of {max(sizes):,} codes: tokens are stored as uint16, which has 65,536; give the quantizer more "
            "digits of fewer codes (config.model.quantizer.groups)"
        )
    place, origin = token_folder(folder, clips.split, len(clips)), Origin(identity, clips.sha256, len(clips), context)
    shards = TokenShards(place, origin)
    if shards.written < len(clips):
        with _alone(epath.Path(folder)):
            shards = TokenShards(place, origin)  # another training may have written more
            for tokens in _encoded(clips, encode, context, batch_size, start=shards.written):
                shards.add(tokens)
    return ArraySource({"tokens": shards.read()})


def _alone(folder: epath.Path) -> contextlib.AbstractContextManager[None]:
    """Keeps other trainings on this machine from writing tokens there; a store elsewhere has no locks."""
    return contextlib.nullcontext() if "://" in str(folder) else alone(Path(folder))


def token_folder(folder: epath.PathLike, split: str, count: int) -> epath.Path:
    """Where the tokens of so many clips of a split are, in a folder of the tokens of all."""
    return epath.Path(folder) / f"{split}-{count}"


@dataclasses.dataclass(frozen=True)
class TokensInContext:
    """Tokens of clips, and beside them ``context``, uint8 [n past h w 3]: their first frames with noise.

    ``with_future`` the field ``future``, too: the other frames, without noise.
    """

    tokens: Source
    clips: Clips
    context: int
    with_future: bool = False

    def __len__(self) -> int:
        return len(self.tokens)

    def batch(self, indices: Int[np.ndarray, "b"]) -> dict[str, np.ndarray]:
        """The fields of some clips."""
        clips = self.clips.batch(indices)
        future = {"future": clips["video"][:, self.context :]} if self.with_future else {}
        return {**self.tokens.batch(indices), "context": clips["noisy"][:, : self.context], **future}


def _encoded(
    clips: Clips, encode: Encode, context: int, batch_size: int, *, start: int
) -> Iterator[UInt16[np.ndarray, "n lt lh lw g"]]:
    """The tokens of the clips from ``start`` on, a shard's at a time."""
    if start == len(clips):
        return
    found: list[np.ndarray] = []
    with tqdm(total=len(clips), initial=start, desc=f"tokenize {clips.split}", unit="clip") as bar:
        for batch in epoch(clips, batch_size=batch_size, start=start // batch_size):
            video = np.concatenate([batch["noisy"][:, :context], batch["video"][:, context:]], axis=1)
            found.append(np.asarray(encode(video))[batch["valid"]].astype(np.uint16))
            bar.update(len(found[-1]))
            if len(found) * batch_size == SHARD:
                yield np.concatenate(found)
                found = []
    if found:
        yield np.concatenate(found)
