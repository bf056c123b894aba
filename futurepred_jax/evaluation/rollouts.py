"""Futures longer than a model predicts at once."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from futurepred_jax.arrays import Key, Video


def rollout(
    predict: Callable[..., Any], context: Video, *, num_frames: int, turn: int, key: Key, **asked: Any
) -> Video:
    """The ``num_frames`` frames after a context, predicted ``turn`` by ``turn``.

    A turn sees as many frames as the first, the last ones that are known by then: of the context, and predicted.

    Args:
        predict: A model's, as ``contestants.Predictor`` has it.
        context: Frames in [-1, 1].
        num_frames: Of the future.
        turn: Frames that the model predicts at once.
        key: For sampling; a turn after the first has one of its own.
        asked: What else ``predict`` takes.
    """
    known = context
    for number in range(-(-num_frames // turn)):
        turn_key = jax.random.fold_in(key, number) if number else key
        seen = known[:, -context.shape[1] :]
        new = predict(seen, num_frames=min(turn, num_frames), key=turn_key, **asked).video
        known = jnp.concatenate([known, new], axis=1)
    return known[:, context.shape[1] :][:, :num_frames]
