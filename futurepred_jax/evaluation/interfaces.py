"""What evaluation asks of those that it scores; videos are in [-1, 1]."""

import typing
from collections.abc import Mapping

from futurepred_jax.arrays import Key, TokenGrid, Video
from futurepred_jax.models.sampling import Sampling


@typing.runtime_checkable
class Tokenizer(typing.Protocol):
    """What is asked of a tokenizer."""

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of codes of each digit of a token."""
        ...

    def reconstruct(self, video: Video) -> Video:
        """Encodes and decodes frames."""
        ...

    def tokenize(self, video: Video) -> TokenGrid:
        """Encodes frames."""
        ...


@typing.runtime_checkable
class Predictor(Tokenizer, typing.Protocol):
    """What is asked of a predictor besides; ``watched`` is what a motion pathway sees in place of the context."""

    @property
    def gates(self) -> Mapping[str, typing.Any]:
        """How far each gate to a motion pathway is open; none without a pathway."""
        ...

    def predict(
        self, context: Video, *, num_frames: int, key: Key, sampling: Sampling, watched: Video | None = None
    ) -> typing.Any:
        """The first ``num_frames`` future frames, as ``.video``."""
        ...

    def first_guess(self, context: Video, *, num_frames: int) -> Video | None:
        """The frames of the guess that a prediction begins with; none without one."""
        ...

    def score(
        self, context: Video, future: Video, *, watched: Video | None = None, temperatures: tuple[float, ...]
    ) -> typing.Any:
        """The fields of ``metrics.likelihood.Likelihood`` for every future token, at each temperature."""
        ...
