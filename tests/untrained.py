"""Workdirs of models that were never trained: weights at random, checkpoints as a training leaves them."""

from pathlib import Path
from typing import Any

import jax.numpy as jnp
from filled import filled
from ml_collections import ConfigDict

from futurepred_jax import factory
from futurepred_jax.training import identity
from futurepred_jax.training.checkpoints import Progress, Saver
from futurepred_jax.training.state import TrainState


def untrained(config: ConfigDict, folder: Path) -> Path:
    """The workdir of a predictor's config, with that of its tokenizer beside it."""
    workdir, weights = folder / config.name, filled(factory.abstract_inference(config).parameters)
    state = {"tokenizer": dict(weights["tokenizer"]), "outlook": weights["outlook"]}
    params: Any = {"tokenizer": state["tokenizer"].pop("params"), "transformer": weights["transformer"]}
    if config.kind != "joint":
        place = factory.tokenizer_workdir(config, workdir)
        save(Path(place), factory.tokenizer_config(config), params.pop("tokenizer"), state.pop("tokenizer"))
        books = factory.load_tokenizer(factory.tokenizer_config(config), place).codebooks
        state["outlook"] = {**state["outlook"], "codes": {"codes": books}}
    if factory.has_pathways(config):
        state["pathways"] = dict(weights["pathways"])
        params["pathways"] = state["pathways"].pop("params")
        if config.kind == "joint":
            state["judge"] = params["pathways"]
    else:
        params = params["transformer"]
    save(workdir, config, params, state)
    return workdir


def save(workdir: Path, config: ConfigDict, params: Any, state: Any) -> None:
    """A workdir of a config with one checkpoint."""
    identity.claim(workdir, config.to_dict())
    with Saver(workdir, start=0) as saver:
        saver.save(
            TrainState(jnp.zeros((), jnp.int32), params, None, state, {"count": jnp.zeros(())}), Progress(step=1)
        )
