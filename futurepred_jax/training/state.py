"""All that training changes, as one pytree: what a checkpoint holds and a step maps to its successor."""

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax
from jaxtyping import PyTree

from futurepred_jax.arrays import Key

Init = Callable[[Key], tuple[PyTree, PyTree]]
"""``key -> (params, model_state)``; pure, since it is traced by ``eval_shape`` and ``jit``."""


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class TrainState:
    """State after ``step`` updates; ``ema_params`` is None where no average is kept."""

    step: PyTree  # int32 scalar
    params: PyTree
    ema_params: PyTree
    model_state: PyTree  # what the loss updates without gradients, such as codebook statistics
    opt_state: PyTree

    @property
    def eval_params(self) -> PyTree:
        """Parameters to validate and predict with: the average where one is kept."""
        return self.params if self.ema_params is None else self.ema_params


def initial_state(init: Init, optimizer: optax.GradientTransformation, key: Key, *, ema: bool) -> TrainState:
    """State before the first update; the average starts at the parameters."""
    params, model_state = init(key)
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        params=_strong(params),
        ema_params=_strong(params) if ema else None,
        model_state=_strong(model_state),
        opt_state=_strong(optimizer.init(params)),
    )


def ema_decay_at(step: PyTree, decay: float) -> PyTree:
    """Decay of the average at a 0-based step: ``min(decay, (1 + step) / (10 + step))``.

    The ramp of TensorFlow's ExponentialMovingAverage lets a young average forget the initial parameters.
    """
    return jnp.minimum(decay, (1.0 + step) / (10.0 + step))


def update_ema(ema_params: PyTree, params: PyTree, *, decay: PyTree) -> PyTree:
    """``decay * ema + (1 - decay) * params``, leaf by leaf."""
    return jax.tree.map(lambda ema, new: ema + (1.0 - decay) * (new - ema), ema_params, params)


def _strong(tree: PyTree) -> PyTree:
    """Arrays without weak types: a restored state has none, and a difference would compile the step anew."""
    return jax.tree.map(lambda x: jax.lax.convert_element_type(x, jnp.result_type(x)), tree)
