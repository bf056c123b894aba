"""Trained models at work: ``from futurepred_jax import Predictor, Tokenizer``.

Videos are arrays [b t h w 3], uint8 in [0, 255] or floats in [0, 1], and come back as floats in [0, 1]. So a video in
[-1, 1], or one of bytes as floats, is told from one in range and refused.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from einops import rearrange
from etils import epath
from jaxtyping import Array, ArrayLike, Float, UInt32
from ml_collections import ConfigDict

from futurepred_jax import factory, pretrained
from futurepred_jax.arrays import Key, TokenGrid, Video
from futurepred_jax.models import predictor
from futurepred_jax.models.predictor import Futures
from futurepred_jax.models.sampling import Sampling
from futurepred_jax.pixels import to_signed, to_unit
from futurepred_jax.training import identity

__all__ = ["Futures", "Predictor", "Tokenizer"]


@dataclasses.dataclass(frozen=True)
class Tokenizer:
    """A trained MagVit: video to tokens and back. Sides must be multiples of its stride, lengths ``1 + s k``."""

    trained: predictor.Tokenizer

    @classmethod
    def from_workdir(cls, workdir: epath.PathLike) -> "Tokenizer":
        """The tokenizer that was trained in a workdir.

        Raises:
            ValueError: if it holds something else, or no good checkpoint.
        """
        config = _config_of(workdir, ("tokenizer",), "take Predictor.from_workdir(…).tokenizer for a predictor's own")
        return cls(factory.load_tokenizer(config, workdir))

    @property
    def stride(self) -> tuple[int, int, int]:
        """Frames and pixels (t, h, w) a token."""
        return self.trained.module.stride

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of codes of each digit of a token."""
        return self.trained.sizes

    def encode(self, video: ArrayLike) -> TokenGrid:
        """A video of any number ``1 + s k`` of frames, one too, to tokens [b lt lh lw g].

        Raises:
            ValueError: for another shape, length, type or range, with the rule.
        """
        return self.trained.tokenize(_signed(video))

    def decode(self, tokens: ArrayLike) -> Video:
        """Tokens as ``encode`` gives them to frames in [0, 1].

        Raises:
            ValueError: for another shape, type or range, with the rule.
        """
        array, digits = np.asarray(tokens), len(self.sizes)
        if array.ndim != 5 or array.shape[-1] != digits or not array.size or array.dtype.kind not in "iu":
            raise ValueError(
                f"tokens {array.dtype} {list(array.shape)}: give integers [b lt lh lw {digits}], as encode does"
            )
        if (array < 0).any() or (array >= np.asarray(self.sizes)).any():
            raise ValueError(f"tokens from {array.min()} to {array.max()}: digits are from 0 and below {self.sizes}")
        return to_unit(self.trained.draw(jnp.asarray(array, jnp.int32)))


@dataclasses.dataclass(frozen=True)
class Predictor:
    """A trained predictor: context frames in, futures out.

    Attributes:
        trained: the model.
        config: what it was trained with.
    """

    trained: predictor.Predictor
    config: ConfigDict

    @classmethod
    def from_workdir(cls, workdir: epath.PathLike) -> "Predictor":
        """The predictor that was trained in a workdir, whether baseline, slowfast or joint_i3d.

        Raises:
            ValueError: if it holds something else, or no good checkpoint, or its tokenizer's workdir does.
        """
        config = _config_of(workdir, ("predictor", "joint"), "take Tokenizer.from_workdir for a tokenizer")
        return cls(factory.load_predictor(config, workdir), config)

    @classmethod
    def from_pretrained(cls, name: str) -> "Predictor":
        """A predictor that is part of this package.

        Raises:
            ValueError: for an unknown name, with the known ones, or a file that is not the published one.
        """
        config, trained = pretrained.load(name)
        return cls(trained, config)

    @property
    def tokenizer(self) -> Tokenizer:
        """What makes its tokens."""
        return Tokenizer(self.trained.tokenizer)

    @property
    def context_frames(self) -> int:
        """Frames that it looks at."""
        return self.config.data.context_frames

    @property
    def size(self) -> int:
        """Height and width of its frames."""
        return self.config.data.size

    @property
    def fps(self) -> float:
        """Frames a second that it was trained on."""
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
        """Futures of each clip: video [b m n h w 3] in [0, 1], its tokens, and log p(tokens | context) in nats.

        Args:
            context_video: at least ``context_frames`` frames of ``size`` × ``size`` pixels; the last ones count.
            num_frames: exactly the first so many frames of the future, n; beyond the training's length they are drawn
                window after window (``models.predictor``).
            num_samples: futures of each clip, m.
            temperature: of the draws; 0 takes the likeliest token each time. By default one future is made by the rule
                of the config; several, too, if that draws, and else from the model's own distribution, temperature 1.
            draft: positions that the model checks in one pass, after a draft of their tokens; 0 draws one a pass. It
                changes the time that the same futures take (``models.decoding``), and ``passes`` says how well.
            key: of the draws, ``jax.random.key(seed)`` or ``jax.random.PRNGKey(seed)``.

        Raises:
            ValueError: for a video or a number that does not fit, with the rule.
        """
        sampling = dataclasses.replace(self._sampling(num_samples, temperature), draft=draft)
        if sampling.temperature > 0 and not isinstance(key, jax.Array):
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
        """How much the frames that followed surprise the model: exact bits of each of their tokens.

        Args:
            context_video: as in a call.
            future_video: the frames after it, at most as many as in training, in whole strides of the tokenizer.

        Raises:
            ValueError: for a video that does not fit, with the rule.
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
                "resize them, as data.recorded.recording.fit does"
            )
        return frames


def _config_of(workdir: epath.PathLike, kinds: tuple[str, ...], remedy: str) -> ConfigDict:
    config = factory.restored_config(identity.read_config(workdir))
    if config.kind not in kinds:
        raise ValueError(f"{workdir} holds a {config.kind}, {config.name}, no {' or '.join(kinds)}: {remedy}")
    return config


def _signed(video: ArrayLike) -> Video:
    """A user's video in the models' [-1, 1]; raises a ValueError with the rule."""
    array = np.asarray(video)
    if array.ndim != 5 or array.shape[-1] != 3 or not array.size:
        raise ValueError(f"video of shape {list(array.shape)}: give clips [b t h w 3], a single one as video[None]")
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
    """A key that was made by ``jax.random.PRNGKey``, too, as one of today's."""
    return key if jnp.issubdtype(key.dtype, jax.dtypes.prng_key) else jax.random.wrap_key_data(key)
