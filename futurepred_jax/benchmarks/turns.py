"""Measures the CPU seconds of several functions in turn, so that other load on the machine affects all alike."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import optax

from futurepred_jax.training.state import Init, TrainState, initial_state
from futurepred_jax.training.step import LossFn, make_train_step

Run = Callable[[], Any]
RUNS = 3


def seconds(runs: Sequence[Run]) -> list[float]:
    """Returns the least CPU seconds of each function over several turns; a first run of each is not counted."""
    least = [float("inf")] * len(runs)
    for turn in range(RUNS + 1):
        for i, run in enumerate(runs):
            start = time.process_time()
            run()
            if turn:
                least[i] = min(least[i], time.process_time() - start)
    return least


def training(
    init: Init, loss: LossFn, optimizer: optax.GradientTransformation, batch: Mapping[str, Any], **compiled: Any
) -> tuple[TrainState, Run]:
    """A state at its start, and a step of a training from another such state; ``compiled`` is as for ``jax.jit``.

    As in a training, a step is given its state to keep.
    """
    start = jax.jit(lambda key: initial_state(init, optimizer, key, ema=False))
    step = jax.jit(make_train_step(loss, optimizer, ema_decay=0.0), donate_argnums=0, **compiled)
    state = start(jax.random.key(0))

    def run() -> None:
        nonlocal state
        state, _ = jax.block_until_ready(step(state, batch, jax.random.key(1)))

    return start(jax.random.key(0)), run
