"""The trained parts of a predictor, each a module with its variables."""

import dataclasses
from functools import partial

import jax
from jaxtyping import Array, Float, PyTree

from futurepred_jax.arrays import TokenGrid, Video
from futurepred_jax.models import streaming
from futurepred_jax.models.crossing import Memory
from futurepred_jax.models.magvit import MagVit
from futurepred_jax.models.outlook import Guess, Outlook
from futurepred_jax.models.pathway import Pathways


@dataclasses.dataclass(frozen=True)
class TokenizerModel:
    """A MagVit with its variables.

    Attributes:
        module: The tokenizer's module.
        variables: Its parameters and codebook.
    """

    module: MagVit
    variables: PyTree

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of codes of each digit of a token."""
        return self.module.quantizer.sizes

    @property
    def codebooks(self) -> Float[Array, "g v d"]:
        """The vectors of the codes of each digit."""
        return self.module.apply(self.variables, method="codebooks")  # pyright: ignore[reportReturnType]

    def tokenize(self, video: Video) -> TokenGrid:
        """Returns the tokens of frames in [-1, 1].

        Raises:
            ValueError: If the clip is not ``1 + s k`` frames long or its sides are not multiples of the stride.
        """
        return streaming.encode(self.module, self.variables, video)

    def decode(self, tokens: TokenGrid) -> Video:
        """Returns the frames of tokens, in [-1, 1]."""
        return streaming.decode(self.module, self.variables, tokens)

    def decode_next(self, tokens: TokenGrid, past: PyTree | None = None) -> tuple[Video, PyTree]:
        """Decodes the next tokens of a clip.

        Args:
            tokens: The tokens to decode.
            past: The decoder's state after the tokens before them; None at the start of a clip.

        Returns:
            Frames in [-1, 1], and the decoder's state after them.
        """
        return streaming.decode_next(self.module, self.variables, tokens, past)

    def reconstruct(self, video: Video) -> Video:
        """Returns frames in [-1, 1] after encoding and decoding them."""
        return self.decode(self.tokenize(video))


@dataclasses.dataclass(frozen=True)
class OutlookModel:
    """The network of the first guess with its variables.

    Attributes:
        module: The outlook network.
        variables: Its parameters and the tokenizer's codes.
    """

    module: Outlook
    variables: PyTree

    def guess(self, context: Video) -> Guess:
        """Returns the first guess of what follows context frames in [-1, 1]."""
        return _guess(self.module, self.variables, context)


@dataclasses.dataclass(frozen=True)
class MotionModel:
    """Motion pathways with their variables.

    Attributes:
        module: The pathways' module.
        variables: Its parameters and BatchNorm statistics.
    """

    module: Pathways
    variables: PyTree

    def watch(self, video: Video) -> Memory:
        """Returns the features of frames in [-1, 1] that the Transformer attends to."""
        return _watch(self.module, self.variables, video)


@partial(jax.jit, static_argnums=0)
def _watch(module: Pathways, variables: PyTree, video: Video) -> Memory:
    return module.apply(variables, video)  # pyright: ignore[reportReturnType]


@partial(jax.jit, static_argnums=0)
def _guess(module: Outlook, variables: PyTree, context: Video) -> Guess:
    return module.apply(variables, context)  # pyright: ignore[reportReturnType]
