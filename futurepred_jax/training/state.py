"""The training state as one pytree, which steps update and checkpoints hold."""

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax
from jaxtyping import PyTree

from futurepred_jax.arrays import Key

Init = Callable[[Key], tuple[PyTree, PyTree]]
"""Pure function ``key -> (params, model_state)``, which is traced by ``eval_shape`` and ``jit``."""


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class TrainState:
    """State of a training.

    Attributes:
        step: Number of updates, an int32 scalar.
        params: Parameters.
        ema_params: Exponential moving average of the parameters; None if no average is kept.
        model_state: State that the loss updates without gradients, such as codebooks.
        opt_state: State of the optimizer.
    """

    step: PyTree
    params: PyTree
    ema_params: PyTree
    model_state: PyTree
    opt_state: PyTree

    @property
    def eval_params(self) -> PyTree:
        """Parameters for validation and prediction: the average if one is kept."""
        return self.params if self.ema_params is None else self.ema_params


def initial_state(init: Init, optimizer: optax.GradientTransformation, key: Key, *, ema: bool) -> TrainState:
    """Returns the state before the first update; ``ema`` keeps an average, which starts at the parameters."""
    params, model_state = init(key)
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        params=_strong(params),
        ema_params=_strong(params) if ema else None,
        model_state=_strong(model_state),
        opt_state=_strong(optimizer.init(params)),
    )


def ema_decay_at(step: PyTree, decay: float) -> PyTree:
    """Returns the decay of the average at a 0-based step, ``min(decay, (1 + step) / (10 + step))``.

    With this ramp of TensorFlow's ExponentialMovingAverage the average soon forgets the initial parameters.
    """
    return jnp.minimum(decay, (1.0 + step) / (10.0 + step))


def update_ema(ema_params: PyTree, params: PyTree, *, decay: PyTree) -> PyTree:
    """Returns ``decay * ema_params + (1 - decay) * params``, leaf by leaf."""
    return jax.tree.map(lambda ema, new: ema + (1.0 - decay) * (new - ema), ema_params, params)


def _strong(tree: PyTree) -> PyTree:
    """Removes weak types: a restored state has none, and a different type would recompile the step."""
    return jax.tree.map(lambda x: jax.lax.convert_element_type(x, jnp.result_type(x)), tree)
