"""A split drawn in memory, and predictors that know it by heart."""

from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np

from futurepred_jax.data.clips import make_clip, noisy
from futurepred_jax.data.spec import ClutterSpec
from futurepred_jax.models.sampling import Sampling

CONTEXT, FUTURE, CLIPS = 5, 4, 5
GREEDY = Sampling(temperature=0.0)
MEAN_FRAME = np.full((32, 32, 3), 0.5, np.float32)


class Drawn:
    """A split drawn in memory."""

    sha256 = "5a" * 32

    def __init__(self, split: str = "test_iid", **fields):
        self.spec, self.split = ClutterSpec(size=32, frames=CONTEXT + FUTURE, **fields), split
        clips = [make_clip(self.spec, split, index) for index in range(CLIPS)]
        self.fields = {name: np.stack([clip[name] for clip in clips]) for name in clips[0]}
        self.fields["noisy"] = np.stack([noisy(self.spec, split, clip) for clip in clips])

    def __len__(self) -> int:
        return CLIPS

    def batch(self, indices: np.ndarray) -> dict[str, np.ndarray]:
        return {name: values[indices] for name, values in self.fields.items()}


class Fake:
    """Knows the split by heart, and answers with ``future(clip's video in [0, 1], context length)``."""

    sizes = (64,)
    gates: dict[str, float] = {}  # noqa: RUF012

    def __init__(self, clips: Drawn, future):
        self.clips, self.future = clips, future

    def predict(self, context, *, num_frames, **_):
        known = self.clips.fields["noisy"][:, :CONTEXT] / 127.5 - 1
        rows = [int(np.abs(known - clip).sum(axis=(1, 2, 3, 4)).argmin()) for clip in np.asarray(context)]
        video = self.clips.fields["video"][rows].astype(np.float32) / 255
        return SimpleNamespace(video=jnp.asarray(2 * self.future(video)[:, :num_frames] - 1, jnp.float32))

    def first_guess(self, context, *, num_frames):  # noqa: ARG002
        return None

    def score(self, context, future, *, watched=None, temperatures):  # noqa: ARG002
        assert future.shape[1] == FUTURE
        shape = (len(context), 10)
        correct = np.arange(10) < np.full(shape, 4)
        confidence = np.full((*shape, 1, len(temperatures)), 0.6, np.float32)
        nll = np.full((*shape, len(temperatures)), np.log(8), np.float32)
        return SimpleNamespace(nll=nll, correct=correct, confidence=confidence, hit=correct[..., None])

    def reconstruct(self, video):
        return video

    def tokenize(self, video):
        return jnp.broadcast_to(jnp.arange(16).reshape(1, 1, 4, 4, 1), (len(video), 3, 4, 4, 1))


def oracle(video: np.ndarray) -> np.ndarray:
    return video[:, CONTEXT:]


def copy_last(video: np.ndarray) -> np.ndarray:
    return np.repeat(video[:, CONTEXT - 1 : CONTEXT], FUTURE, axis=1)
