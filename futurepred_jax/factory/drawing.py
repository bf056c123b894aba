"""Config to clips that are drawn inside the step that trains on them."""

import functools
from collections.abc import Callable
from typing import Any

from jaxtyping import PyTree
from ml_collections import ConfigDict

from futurepred_jax.data.blueprints import Blueprints
from futurepred_jax.data.device import render
from futurepred_jax.factory.data import LABELS, clip_count, is_synthetic, spec

PLACES = ("host", "device")


def draws_in_step(config: ConfigDict) -> bool:
    """Whether a training on clips draws them where it trains, rather than read what the host has drawn.

    Raises:
        ValueError: ``config.data.render_on`` is unknown, or the clips were recorded.
    """
    place = config.data.render_on
    if place not in PLACES:
        raise ValueError(f"config.data.render_on {place!r}: known are {', '.join(PLACES)}")
    if place == "device" and not is_synthetic(config):
        raise ValueError(f"config.data.render_on 'device': {config.data.source} is recorded, only clutter is drawn")
    return place == "device"


def blueprints(config: ConfigDict, split: str) -> Blueprints:
    """A split's clips, to be drawn in the step."""
    return Blueprints(spec(config), split, clip_count(config, split), tuple(LABELS))


def on_blueprints(function: Callable[..., Any], samples: int) -> Callable[..., Any]:
    """An objective's loss, or its validation, that takes clips, as one that takes their blueprints."""

    @functools.wraps(function)
    def drawn(params: PyTree, model_state: PyTree, batch: PyTree, **further: Any) -> Any:
        labels = {name: batch[name] for name in LABELS}
        return function(params, model_state, {**labels, **render(batch, samples=samples)}, **further)

    return drawn
