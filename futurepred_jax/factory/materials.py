"""What a training is made from besides its config: clips, tokens, codebooks; from disk, or their shapes alone."""

import functools
import hashlib
import json
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from etils import epath
from jaxtyping import Array, Float
from ml_collections import ConfigDict

from futurepred_jax.data.pipeline import ArraySource, Source
from futurepred_jax.data.tokens import cached_tokens
from futurepred_jax.factory.data import open_split_together
from futurepred_jax.factory.loading import load_tokenizer
from futurepred_jax.factory.models import make_magvit
from futurepred_jax.factory.tokenizers import require_gate, tokenizer_config, tokenizer_workdir
from futurepred_jax.models.predictor import Tokenizer
from futurepred_jax.objectives.tokenizer import to_signed
from futurepred_jax.training import distributed


class Stored:
    """From disk: clips are drawn where they are missing, and the tokenizer passes its gate before it makes tokens."""

    def __init__(self, config: ConfigDict, workdir: epath.PathLike):
        self._config, self._workdir = config, epath.Path(workdir)

    def clips(self, split: str) -> Source:
        """Clips with at least ``video``, ``noisy`` and ``instance``."""
        return open_split_together(self._config, split)

    def tokens(self, split: str) -> Source:
        """The same clips as ``tokens``, made once and kept in the workdir. Raises as ``require_gate``."""
        tokenizer = self._tokenizer

        def encode(video: np.ndarray) -> np.ndarray:
            return np.asarray(tokenizer.tokenize(to_signed(jnp.asarray(video))))

        clips = open_split_together(self._config, split)
        with distributed.first_alone(f"tokens {split}"):
            return cached_tokens(
                clips,
                encode,
                self._workdir / "tokens",
                context=self._config.data.context_frames,
                sizes=tokenizer.sizes,
                identity=self._identity,
            )

    @property
    def codebooks(self) -> Float[Array, "g v d"]:
        """The vectors of the codes of a predictor's tokenizer. Raises as ``require_gate``."""
        return self._tokenizer.codebooks

    @functools.cached_property
    def _tokenizer(self) -> Tokenizer:
        require_gate(self._config, self._workdir)
        return load_tokenizer(tokenizer_config(self._config), tokenizer_workdir(self._config, self._workdir))

    @functools.cached_property
    def _identity(self) -> str:
        return _digest(self._tokenizer.variables)


class Shapes:
    """Zeros of the shapes and types that the stored things have, which take no memory: enough to compile for."""

    codebooks = None

    def __init__(self, config: ConfigDict):
        self._config = config

    def clips(self, split: str) -> Source:
        """See ``Stored``."""
        data = self._config.data
        shape = (self._count(split), data.frames, data.size, data.size)
        frames = _zeros((*shape, 3), np.uint8)
        return ArraySource({"video": frames, "noisy": frames, "instance": _zeros(shape, np.uint8)})

    def tokens(self, split: str) -> Source:
        """See ``Stored``."""
        data, module = self._config.data, make_magvit(tokenizer_config(self._config))
        shape = (*module.grid(data.frames, data.size, data.size), len(module.quantizer.sizes))
        kind = np.min_scalar_type(max(module.quantizer.sizes) - 1)
        return ArraySource({"tokens": _zeros((self._count(split), *shape), kind)})

    def _count(self, split: str) -> int:
        return self._config.data.train_clips if split == "train" else self._config.evaluation.clips


Materials = Stored | Shapes


def _zeros(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    return np.broadcast_to(np.zeros((), dtype), shape)


def _digest(tree: Any) -> str:
    """Hash of the names and bytes of a tree's arrays."""
    found = hashlib.blake2b(digest_size=8)
    for path, leaf in jax.tree.leaves_with_path(tree):
        found.update(json.dumps([jax.tree_util.keystr(path), str(leaf.dtype), leaf.shape]).encode())
        found.update(np.ascontiguousarray(leaf).tobytes())
    return found.hexdigest()
