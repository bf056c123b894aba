"""The result of an objective."""

from typing import NamedTuple

from jaxtyping import Array, Float, PyTree


class Loss(NamedTuple):
    """Result of an objective on a batch.

    Attributes:
        value: The scalar to minimise.
        model_state: The updated model state.
        metrics: Scalars to log, by name.
    """

    value: Float[Array, ""]
    model_state: PyTree
    metrics: dict[str, Array]
