"""The public interface to trained models: ``from futurepred_jax import Predictor, Tokenizer``.

Videos are given as arrays [b t h w 3], uint8 in [0, 255] or floats in [0, 1], and returned as floats in [0, 1]. A float
video with values outside [0, 1], such as one in [-1, 1] or [0, 255], is refused.
"""

import dataclasses
import operator
from typing import SupportsIndex

import jax
import jax.numpy as jnp
import numpy as np
from einops import rearrange
from etils import epath
from jaxtyping import Array, ArrayLike, Float, UInt32
from ml_collections import ConfigDict

from futurepred_jax import factory, pretrained
from futurepred_jax.arrays import Key, TokenGrid, UnitVideo, Video
from futurepred_jax.models import parts, predictor
from futurepred_jax.models.predictor import Futures
from futurepred_jax.models.sampling import Sampling
from futurepred_jax.pixels import to_signed, to_unit
from futurepred_jax.training import identity

__all__ = ["Futures", "Predictor", "Tokenizer"]


@dataclasses.dataclass(frozen=True)
class Tokenizer:
    """A trained MagVit tokenizer, from videos to tokens and back.

    Heights and widths must be multiples of its stride, and lengths ``1 + s k`` frames, where s is the stride in time.

    Attributes:
        trained: The model.
    """

    trained: parts.TokenizerModel

    @classmethod
    def from_workdir(cls, workdir: epath.PathLike) -> "Tokenizer":
        """Loads the tokenizer that was trained in a workdir.

        Raises:
            ValueError: If the workdir holds something else, or no undamaged checkpoint.
        """
        workdir = epath.Path(workdir).expanduser()
        config = _config_of(workdir, ("tokenizer",), "take Predictor.from_workdir(…).tokenizer for a predictor's own")
        return cls(factory.load_tokenizer(config, workdir))

    @property
    def stride(self) -> tuple[int, int, int]:
        """Frames, rows and columns of pixels (t, h, w) of a token."""
        return self.trained.module.stride

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of codes of each digit of a token."""
        return self.trained.sizes

    def encode(self, video: ArrayLike) -> TokenGrid:
        """Encodes a video.

        Args:
            video: Clips [b t h w 3] of ``1 + s k`` frames, uint8 or floats in [0, 1]; a single frame will do.

        Returns:
            Tokens, each of as many digits as ``sizes`` has entries.

        Raises:
            ValueError: If shape, length, type or range of the video is another one; the message states the rule.
        """
        return self.trained.tokenize(_signed(video))

    def decode(self, tokens: ArrayLike) -> UnitVideo:
        """Decodes tokens.

        Args:
            tokens: Integers [b lt lh lw g], as ``encode`` returns them; digit i is below ``sizes[i]``.

        Returns:
            Frames in [0, 1].

        Raises:
            ValueError: If shape, type or range of the tokens is another one; the message states the rule.
        """
        array, digits = np.asarray(tokens), len(self.sizes)
        if array.ndim != 5 or array.shape[-1] != digits or not array.size or array.dtype.kind not in "iu":
            raise ValueError(
                f"tokens {array.dtype} {list(array.shape)}: give integers [b lt lh lw {digits}], as encode does"
            )
        if (array < 0).any() or (array >= np.asarray(self.sizes)).any():
            raise ValueError(f"tokens from {array.min()} to {array.max()}: digits are from 0 and below {self.sizes}")
        return to_unit(self.trained.decode(jnp.asarray(array, jnp.int32)))


@dataclasses.dataclass(frozen=True)
class Predictor:
    """A trained predictor, from context frames to futures.

    Attributes:
        trained: The model.
        config: The config that it was trained with.
    """

    trained: predictor.PredictorModel
    config: ConfigDict

    def __repr__(self) -> str:
        seen = f"{self.context_frames} frames of {self.size} × {self.size} pixels at {self.fps:g} a second"
        return f"Predictor({self.config.name}:{self.config.preset}, reads {seen})"

    @classmethod
    def from_workdir(cls, workdir: epath.PathLike) -> "Predictor":
        """Loads the predictor that was trained in a workdir, of any predictor config.

        Raises:
            ValueError: If the workdir or that of its tokenizer holds something else, or no undamaged checkpoint.
        """
        workdir = epath.Path(workdir).expanduser()
        config = _config_of(workdir, ("predictor", "joint"), "take Tokenizer.from_workdir for a tokenizer")
        return cls(factory.load_predictor(config, workdir), config)

    @classmethod
    def from_pretrained(cls, name: str) -> "Predictor":
        """Loads a predictor that is part of this package.

        Args:
            name: Name of a packed model, such as ``baseline-tiny``.

        Raises:
            ValueError: If the name is unknown, or the file is not the published one; the message lists known names.
        """
        config, trained = pretrained.load(name)
        return cls(trained, config)

    @property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer of its frames."""
        return Tokenizer(self.trained.tokenizer)

    @property
    def context_frames(self) -> int:
        """Number of context frames that it reads."""
        return self.config.data.context_frames

    @property
    def size(self) -> int:
        """Height and width of its frames in pixels."""
        return self.config.data.size

    @property
    def fps(self) -> float:
        """Frame rate of its training videos in frames per second."""
        return self.config.data.fps

    def __call__(
        self,
        context_video: ArrayLike,
        *,
        num_frames: int,
        num_samples: int = 1,
        temperature: int | float | None = None,
        draft: int = 0,
        key: Key | UInt32[Array, "2"] | None = None,
    ) -> Futures:
        """Samples futures of each clip.

        Args:
            context_video: Clips [b t h w 3] of at least ``context_frames`` frames and ``size`` × ``size`` pixels, uint8
                or floats in [0, 1]. The last ``context_frames`` frames are the context.
            num_frames: Number n of future frames. More than in training are sampled window by window, as described in
                ``models.predictor``.
            num_samples: Number m of futures of each clip.
            temperature: Temperature of sampling, at least 0; 0 takes the likeliest code of each digit. None follows the
                config's sampling rule; if that is greedy and several futures are asked for, the temperature is 1.
            draft: Number of positions of a pass with speculative decoding; 0 samples one position in a pass. It changes
                the time that the futures take, not the futures; ``Futures.passes`` counts the passes.
            key: ``jax.random.key(seed)`` or ``jax.random.PRNGKey(seed)``, needed unless the temperature is 0.

        Returns:
            Frames [b m n h w 3] in [0, 1], their tokens, and log p(tokens | context) in nats.

        Raises:
            ValueError: If a video or a number does not fit; the message states the rule.
        """
        num_frames, num_samples = _whole("num_frames", num_frames), _whole("num_samples", num_samples)
        sampling = dataclasses.replace(self._sampling(num_samples, temperature), draft=_whole("draft", draft))
        if sampling.temperature > 0 and key is None:
            raise ValueError(f"drawing at temperature {sampling.temperature:g} needs a key: key=jax.random.key(0)")
        futures = self.trained.futures(
            self._context(context_video),
            num_frames=num_frames,
            samples=num_samples,
            key=jax.random.key(0) if key is None else _typed(key),
            sampling=sampling,
        )
        return dataclasses.replace(futures, video=to_unit(futures.video))

    def bits(self, context_video: ArrayLike, future_video: ArrayLike) -> Float[Array, "b lt lh lw"]:
        """Computes the exact surprise of the model at a true future, token by token.

        Args:
            context_video: Context frames, as in ``__call__``.
            future_video: The frames after them, at most as many as in training, and a multiple of the tokenizer's
                stride in time.

        Returns:
            Negative log-likelihood of each token in bits.

        Raises:
            ValueError: If a video does not fit; the message states the rule.
        """
        data, (step, height, width) = self.config.data, self.tokenizer.stride
        future, most = self._fitting(future_video), data.frames - data.context_frames
        if future.shape[1] % step or future.shape[1] > most:
            raise ValueError(f"future of {future.shape[1]} frames: give a multiple of {step}, at most {most}")
        context = self._context(context_video)
        if len(context) != len(future):
            raise ValueError(f"{len(context)} contexts and {len(future)} futures: give as many of both")
        nll = self.trained.score(context, future).nll[..., 0]
        return rearrange(nll / np.log(2), "b (lt lh lw) -> b lt lh lw", lh=self.size // height, lw=self.size // width)

    def _sampling(self, num_samples: int, temperature: int | float | None) -> Sampling:
        if temperature is None:
            rule = factory.sampling(self.config)
            return rule if num_samples == 1 or rule.temperature > 0 else Sampling()
        if temperature == 0 and num_samples > 1:
            raise ValueError(f"{num_samples} samples at temperature 0 would be all the same: ask for 1, or raise it")
        return Sampling(temperature=float(temperature))

    def _context(self, video: ArrayLike) -> Video:
        context = self._fitting(video)
        frames = context.shape[1]
        if frames < self.context_frames:
            raise ValueError(
                f"context of {frames} frames: this model looks at {self.context_frames}; give as many or more"
            )
        return context[:, frames - self.context_frames :]

    def _fitting(self, video: ArrayLike) -> Video:
        frames = _signed(video)
        height, width = frames.shape[2:4]
        if (height, width) != (self.size, self.size):
            raise ValueError(
                f"frames of {height}×{width} pixels: this model was trained on {self.size}×{self.size}; crop and "
                "resize them, as futurepred_jax.data.recorded.recording.fit does"
            )
        return frames


def _config_of(workdir: epath.PathLike, kinds: tuple[str, ...], remedy: str) -> ConfigDict:
    config = factory.restored_config(identity.read_config(workdir))
    if config.kind not in kinds:
        raise ValueError(f"{workdir} holds a {config.kind}, {config.name}, no {' or '.join(kinds)}: {remedy}")
    return config


def _whole(name: str, value: SupportsIndex) -> int:
    """Returns a number as an int; raises a ValueError if it is not whole, such as 8.0, or a bool."""
    if isinstance(value, bool | np.bool_) or not hasattr(value, "__index__"):
        raise ValueError(f"{name} {value!r}: give a whole number, such as {name}=8")
    return operator.index(value)


def _signed(video: ArrayLike) -> Video:
    """Returns a user's video in [-1, 1].

    Raises:
        ValueError: If shape, type or range of the video is another one; the message states the rule.
    """
    array = np.asarray(video)
    if array.dtype.kind in "OSU":
        raise ValueError(
            f"video of type {type(video).__name__}: give an array [b t h w 3]; --mode=predict --input=… reads files"
        )
    if array.ndim != 5 or array.shape[-1] != 3:
        raise ValueError(f"video of shape {list(array.shape)}: give clips [b t h w 3], a single one as video[None]")
    if not array.size:
        raise ValueError(f"video of shape {list(array.shape)}: it is empty; give at least one clip of one frame")
    if array.dtype == np.uint8:
        return to_signed(jnp.asarray(array))
    if not jnp.issubdtype(array.dtype, jnp.floating):
        raise ValueError(f"video of {array.dtype}: give uint8 in [0, 255], or floats in [0, 1]")
    low, high = float(array.min()), float(array.max())
    if not (low >= 0 and high <= 1):
        raise ValueError(
            f"float video from {low:.3g} to {high:.3g}: floats must be in [0, 1]; give (video + 1) / 2 of one in "
            "[-1, 1], and bytes as uint8"
        )
    return 2 * jnp.asarray(array, jnp.float32) - 1


def _typed(key: Array) -> Key:
    """Returns a typed key, also for one from ``jax.random.PRNGKey``.

    Raises:
        ValueError: If it is not a single key, but a number, say.
    """
    if not isinstance(key, jax.Array):
        raise ValueError(f"key {key!r}: give one that JAX made, such as jax.random.key(0)")
    typed = jnp.issubdtype(key.dtype, jax.dtypes.prng_key)
    if key.shape != (() if typed else (2,)):
        raise ValueError(f"key of shape {list(key.shape)}: give a single key, such as jax.random.key(0)")
    return key if typed else jax.random.wrap_key_data(key)
