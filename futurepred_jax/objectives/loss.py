"""What an objective returns."""

from typing import NamedTuple

from jaxtyping import Array, Float, PyTree


class Loss(NamedTuple):
    """The value that is minimised, the updated model state, and scalars to log."""

    value: Float[Array, ""]
    model_state: PyTree
    metrics: dict[str, Array]
