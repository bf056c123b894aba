"""What a training is made from besides its config: clips, tokens, trained parts; from disk, or their shapes alone."""

import functools
import hashlib
import json
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from etils import epath
from jaxtyping import Array, Float, PyTree
from ml_collections import ConfigDict

from futurepred_jax.data.blueprints import PARTS
from futurepred_jax.data.labels import FIELDS
from futurepred_jax.data.mirrored import Joined, MirrorImages
from futurepred_jax.data.pipeline import ArraySource, Clips, Source
from futurepred_jax.data.tokens import TokensInContext, stored_tokens, token_folder
from futurepred_jax.factory.data import LABELS, clip_count, is_predictor, open_split_together, spec, uses_mirror_images
from futurepred_jax.factory.drawing import blueprints, draws_in_step
from futurepred_jax.factory.images import inflated_image
from futurepred_jax.factory.loading import load_outlook, load_tokenizer
from futurepred_jax.factory.models import make_magvit
from futurepred_jax.factory.outlooks import outlook_config, outlook_workdir
from futurepred_jax.factory.pathways import network_start
from futurepred_jax.factory.tokenizers import require_gate, tokenizer_config, tokenizer_workdir
from futurepred_jax.models.parts import TokenizerModel
from futurepred_jax.models.pathway import Pathways
from futurepred_jax.models.perceptual import Perceptual
from futurepred_jax.pixels import to_signed
from futurepred_jax.training import distributed
from futurepred_jax.weights.perceptual import perceptual_variables

TOKENS = "tokens"  # a folder in the tokenizer's workdir


class StoredAssets:
    """From disk: clips are drawn where they are missing, and the tokenizer passes its gate before it makes tokens."""

    def __init__(self, config: ConfigDict, workdir: epath.PathLike):
        self._config, self._workdir = config, epath.Path(workdir)

    def clips(self, split: str) -> Source:
        """Clips with at least the fields that the config's kind trains on, or blueprints of them.

        Raises as ``draws_in_step``.
        """
        if draws_in_step(self._config):
            return blueprints(self._config, split)
        return open_split_together(self._config, split)

    def tokens(self, split: str) -> Source:
        """The same clips as ``tokens``, made once and kept beside the tokenizer, and ``context``, its frames.

        An outlook also gets the frames of the ``future``. Where ``uses_mirror_images``, mirror images follow all clips.

        Raises as ``tokenizer``, and as ``stored_tokens``.
        """
        first, *mirrored = self._tokens(split)
        return Joined(first, *mirrored) if mirrored else first

    @property
    def codebooks(self) -> Float[Array, "g v d"]:
        """The vectors of the codes of a predictor's tokenizer. Raises as ``require_gate``."""
        return self.tokenizer.codebooks

    @property
    def outlook_variables(self) -> PyTree | None:
        """The variables of what makes a predictor's first guess.

        Raises:
            ValueError: if it is missing, was trained with another config, or on the tokens of another tokenizer.
        """
        config, place = outlook_config(self._config), outlook_workdir(self._config, self._workdir)
        variables = load_outlook(config, place).variables
        if not np.array_equal(variables["codes"]["codes"], self.codebooks):
            raise ValueError(
                f"{place} was trained on the tokens of another tokenizer than "
                f"{tokenizer_workdir(self._config, self._workdir)}: train it again, in another workdir"
            )
        return variables

    def write_tokens(self, split: str) -> list[epath.Path]:
        """Makes the tokens of a split, those that are not there, and says where they are. Raises as ``tokens``."""
        folder = self._tokenizer_workdir / TOKENS
        return [token_folder(folder, made.clips.split, len(made)) for made in self._tokens(split)]

    def networks(self, pathways: Pathways) -> dict[str, PyTree]:
        """The variables that networks of pathways start from, but for random ones. Raises as ``network_start``."""
        starts = {
            name: network_start(name, self._config, self._workdir, part.network)
            for name, part in pathways.parts.items()
        }
        return {name: start for name, start in starts.items() if start is not None}

    @property
    def inflated(self) -> PyTree | None:
        """The variables that a tokenizer starts from, made of ``config.init.image``'s. Raises as ``inflated_image``."""
        return inflated_image(self._config)

    def perceptual(self, module: Perceptual) -> PyTree:
        """The published variables of a perceptual network. Raises a ValueError where they are not installed."""
        return perceptual_variables(module.network)

    @functools.cached_property
    def tokenizer(self) -> TokenizerModel:
        """A predictor's, or a tokenizer's config's own, trained.

        Raises:
            ValueError: there is none, or as ``require_gate``.
        """
        if self._config.kind == "tokenizer":
            return load_tokenizer(self._config, self._workdir)
        if not is_predictor(self._config):
            raise ValueError(f"{self._config.name} has no tokenizer: take a tokenizer's config, or a predictor's")
        require_gate(self._config, self._workdir)
        return load_tokenizer(tokenizer_config(self._config), self._tokenizer_workdir)

    def _tokens(self, split: str) -> list[TokensInContext]:
        """A split's tokens, and those of its mirror images where they are trained on."""
        clips = open_split_together(self._config, split)
        both = (clips, MirrorImages(clips)) if uses_mirror_images(self._config, split) else (clips,)
        return [self._tokens_of(some) for some in both]

    def _tokens_of(self, clips: Clips) -> TokensInContext:
        tokenizer, context = self.tokenizer, self._config.data.context_frames

        def encode(video: np.ndarray) -> np.ndarray:
            return np.asarray(tokenizer.tokenize(to_signed(jnp.asarray(video))))

        with distributed.process_zero_first(f"tokens {clips.split}"):
            tokens = stored_tokens(
                clips,
                encode,
                self._tokenizer_workdir / TOKENS,
                context=context,
                sizes=tokenizer.sizes,
                identity=self._identity,
            )
        return TokensInContext(tokens, clips, context, with_future=self._config.kind == "outlook")

    @property
    def _tokenizer_workdir(self) -> epath.Path:
        return tokenizer_workdir(self._config, self._workdir) if is_predictor(self._config) else self._workdir

    @functools.cached_property
    def _identity(self) -> str:
        return _digest(self.tokenizer.variables)


class AbstractAssets:
    """Zeros of the shapes and types that the stored things have, which take no memory: enough to compile for."""

    codebooks = None
    outlook_variables = None
    inflated: PyTree | None = None

    def __init__(self, config: ConfigDict):
        self._config = config

    def clips(self, split: str) -> Source:
        """See ``StoredAssets``."""
        data, count, clip = self._config.data, self._count(split), spec(self._config)
        fields = {name: FIELDS[name] for name in LABELS} | dict(PARTS if draws_in_step(self._config) else {})
        blank = {name: _zeros((count, *field.shape(clip)), field.dtype) for name, field in fields.items()}
        shape = (count, data.frames, data.size, data.size)
        frames = _zeros((*shape, 3), np.uint8)
        return ArraySource({"video": frames, "noisy": frames, "instance": _zeros(shape, np.uint8), **blank})

    def tokens(self, split: str) -> Source:
        """See ``StoredAssets``."""
        data, module = self._config.data, self.tokenizer.module
        count = self._count(split) * (2 if uses_mirror_images(self._config, split) else 1)
        shape = (*module.grid(data.frames, data.size, data.size), len(module.quantizer.sizes))
        tokens = {"tokens": _zeros((count, *shape), np.uint16)}
        frames = {"context": data.context_frames}
        if self._config.kind == "outlook":
            frames["future"] = data.frames - data.context_frames
        side = data.size
        shown = {name: _zeros((count, long, side, side, 3), np.uint8) for name, long in frames.items()}
        return ArraySource({**tokens, **shown})

    def networks(self, pathways: Pathways) -> dict[str, PyTree]:
        """See ``StoredAssets``."""
        del pathways
        return {}

    def perceptual(self, module: Perceptual) -> PyTree:
        """See ``StoredAssets``."""
        frames = jax.ShapeDtypeStruct((1, 64, 64, 3), jnp.float32)
        shapes = jax.eval_shape(module.init, jax.random.key(0), frames, frames)
        return jax.tree.map(lambda leaf: _zeros(leaf.shape, leaf.dtype), shapes)

    @functools.cached_property
    def tokenizer(self) -> TokenizerModel:
        """See ``StoredAssets``."""
        data, module = self._config.data, make_magvit(tokenizer_config(self._config))
        clip = jax.ShapeDtypeStruct((1, data.frames, data.size, data.size, 3), jnp.float32)
        shapes = jax.eval_shape(module.init, jax.random.key(0), clip)
        return TokenizerModel(module, jax.tree.map(lambda leaf: _zeros(leaf.shape, leaf.dtype), shapes))

    def _count(self, split: str) -> int:
        return clip_count(self._config, split)


Assets = StoredAssets | AbstractAssets


def _zeros(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    return np.broadcast_to(np.zeros((), dtype), shape)


def _digest(tree: Any) -> str:
    """Hash of the names and bytes of a tree's arrays."""
    found = hashlib.blake2b(digest_size=8)
    for path, leaf in jax.tree.leaves_with_path(tree):
        found.update(json.dumps([jax.tree_util.keystr(path), str(leaf.dtype), leaf.shape]).encode())
        found.update(np.ascontiguousarray(leaf).tobytes())
    return found.hexdigest()
