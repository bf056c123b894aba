"""The interfaces of the models that can be evaluated. Videos are in [-1, 1]."""

import typing
from collections.abc import Mapping

from futurepred_jax.arrays import Key, TokenGrid, Video
from futurepred_jax.models.sampling import Sampling


@typing.runtime_checkable
class Tokenizer(typing.Protocol):
    """A tokenizer that can be evaluated."""

    @property
    def sizes(self) -> tuple[int, ...]:
        """Sizes of the codebooks: the number of codes of each digit of a token."""
        ...

    def reconstruct(self, video: Video) -> Video:
        """Encodes frames to tokens and decodes them again."""
        ...

    def tokenize(self, video: Video) -> TokenGrid:
        """Encodes frames to tokens."""
        ...


@typing.runtime_checkable
class Predictor(Tokenizer, typing.Protocol):
    """A predictor that can be evaluated.

    ``watched`` is the video that a motion pathway sees instead of the context; it has the context's shape.
    """

    @property
    def gates(self) -> Mapping[str, typing.Any]:
        """Values of the gates to the motion pathway, in (-1, 1); empty without a pathway."""
        ...

    def predict(
        self, context: Video, *, num_frames: int, key: Key, sampling: Sampling, watched: Video | None = None
    ) -> typing.Any:
        """Predicts the first ``num_frames`` future frames, as the attribute ``video`` of the result."""
        ...

    def first_guess(self, context: Video, *, num_frames: int) -> Video | None:
        """Returns the future frames that the outlook guesses; None without an outlook."""
        ...

    def score(
        self, context: Video, future: Video, *, watched: Video | None = None, temperatures: tuple[float, ...]
    ) -> typing.Any:
        """Returns the fields of ``metrics.likelihood.Likelihood`` for the tokens of the true future.

        Args:
            context: Context frames.
            future: True future frames.
            watched: What a motion pathway sees instead of the context.
            temperatures: Temperatures at which the likelihood is computed.
        """
        ...
