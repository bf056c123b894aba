"""The training step: a pure function from state and batch to the next state and metrics."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, PyTree

from futurepred_jax.arrays import Key
from futurepred_jax.training.state import TrainState, ema_decay_at, update_ema

Metrics = dict[str, Array]
"""Scalar arrays by name."""

TrainStep = Callable[[TrainState, PyTree, Key], tuple[TrainState, Metrics]]


@runtime_checkable
class Loss(Protocol):
    """Result of a ``LossFn``: any struct with these three fields."""

    @property
    def value(self) -> Float[Array, ""]:
        """The scalar to minimise, a mean over the global batch."""
        ...

    @property
    def model_state(self) -> PyTree:
        """The updated model state, with the structure of the given one."""
        ...

    @property
    def metrics(self) -> Mapping[str, Array]:
        """Scalars to log."""
        ...


@runtime_checkable
class LossFn(Protocol):
    """An objective: a pure function whose randomness comes from ``key``, a new one in every step."""

    def __call__(self, params: PyTree, model_state: PyTree, batch: PyTree, *, key: Key, step: Array) -> Loss:
        """Returns the objective on a batch at a 0-based step."""
        ...


MUST_BE_FINITE = ("loss", "grad_norm", "param_norm")
EXPLODED = 1e6  # far above any loss here: pixels err by at most 2, and a token of ten bits costs 7 nats


def is_sound(metrics: Metrics) -> Bool[Array, ""]:
    """Returns whether the loss and norms of a step are finite and the loss has not exploded."""
    finite = jnp.all(jnp.isfinite(jnp.stack([metrics[name] for name in MUST_BE_FINITE])))
    return finite & (jnp.abs(metrics["loss"]) < EXPLODED)


def all_finite(tree: PyTree) -> Bool[Array, ""]:
    """Returns whether all floating-point numbers of a pytree are finite."""
    floating = [leaf for leaf in jax.tree.leaves(tree) if jnp.issubdtype(leaf.dtype, jnp.floating)]
    return jnp.all(jnp.stack([jnp.all(jnp.isfinite(leaf)) for leaf in floating])) if floating else jnp.array(True)


def make_train_step(
    loss: LossFn, optimizer: optax.GradientTransformation, *, ema_decay: float, skip_unsound: bool = False
) -> TrainStep:
    """Returns ``train_step(state, batch, key) -> (state, metrics)``.

    The key of a step is ``fold_in(key, state.step)``, so that a resumed run has the random numbers of an uninterrupted
    one. Metrics are those of the objective, ``loss``, ``grad_norm`` (before clipping), ``param_norm`` (after the
    update) and, if the optimizer injects it, ``learning_rate``.

    Args:
        loss: The objective.
        optimizer: The optimizer.
        ema_decay: Decay of the average of the parameters, if the state has one.
        skip_unsound: Whether a step that is not ``is_sound`` changes only the number of the step.
    """

    def train_step(state: TrainState, batch: PyTree, key: Key) -> tuple[TrainState, Metrics]:
        """Returns the state after a batch, and metrics; ``key`` is the same in all steps."""
        step_key = jax.random.fold_in(key, state.step)

        def objective(params: PyTree) -> tuple[Array, tuple[PyTree, Mapping[str, Array]]]:
            result = loss(params, state.model_state, batch, key=step_key, step=state.step)
            return result.value, (result.model_state, result.metrics)

        (value, (model_state, metrics)), grads = jax.value_and_grad(objective, has_aux=True)(state.params)
        updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        ema_params = state.ema_params
        if ema_params is not None:
            ema_params = update_ema(ema_params, params, decay=ema_decay_at(state.step, ema_decay))
        norms = {"grad_norm": optax.tree.norm(grads), "param_norm": optax.tree.norm(params)}
        rate = learning_rate(opt_state)
        rates = {} if rate is None else {"learning_rate": rate}
        successor = TrainState(state.step + 1, params, ema_params, model_state, opt_state)
        metrics = {**metrics, "loss": value, **norms, **rates}
        if skip_unsound:
            unchanged = dataclasses.replace(state, step=successor.step)
            sound = is_sound(metrics)
            successor = jax.tree.map(lambda after, before: jnp.where(sound, after, before), successor, unchanged)
        return successor, metrics

    return train_step


def learning_rate(opt_state: PyTree) -> Array | None:
    """Returns the learning rate of an ``optax.inject_hyperparams`` state, or None if there is none."""
    is_array = lambda _, value: isinstance(value, jax.Array)  # noqa: E731
    return optax.tree.get(opt_state, "learning_rate", filtering=is_array)
