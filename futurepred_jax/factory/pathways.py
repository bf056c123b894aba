"""A predictor's motion pathway: where its network was trained, and what it starts from."""

from pathlib import Path

import jax
import jax.numpy as jnp
from etils import epath
from flax import linen as nn
from flax import traverse_util
from jaxtyping import PyTree
from ml_collections import ConfigDict

from futurepred_jax.training import checkpoints, identity
from futurepred_jax.weights import load_weights
from futurepred_jax.weights.matching import matched

INITS = {
    "pretrained": "on motion and shape, by configs/classification.py",
    "published": "a converted file, config.pathway.weights",
    "random": "from nothing",
}
HEAD = "head"  # of a network, which a pathway does without


def pathway_config(config: ConfigDict) -> ConfigDict:
    """The config of the pathway's network inside a predictor's."""
    return config.pathway.config


def pathway_workdir(config: ConfigDict, workdir: epath.PathLike) -> epath.Path:
    """``config.pathway.workdir``, by default beside the predictor's: all predictors of a preset share it."""
    default = epath.Path(workdir).parent / f"{pathway_config(config).name}-{config.preset}"
    return epath.Path(config.pathway.workdir) if config.pathway.workdir else default


def pathway_init(config: ConfigDict) -> str:
    """What the network is fine-tuned from.

    Raises:
        ValueError: if the config does not say, with what it may say.
    """
    init = config.pathway.init
    if init not in INITS:
        choices = "; ".join(f"{name} ({what})" for name, what in INITS.items())
        raise ValueError(f"config.pathway.init {init!r}: say what the pathway is fine-tuned from: {choices}")
    return init


def network_start(config: ConfigDict, workdir: epath.PathLike, network: nn.Module) -> PyTree | None:
    """The variables that a network without a head starts from; None for random ones.

    Raises:
        ValueError: as ``pathway_init``, or if what it names is missing, was trained with another config or is of
            another network.
    """
    init, shapes = pathway_init(config), variable_shapes(pathway_config(config), network)
    if init == "random":
        return None
    if init == "published":
        return load_weights(_published(config), shapes, drop=(HEAD,))
    place = pathway_workdir(config, workdir)
    identity.require_same(place, pathway_config(config).to_dict())
    weights = checkpoints.load_params(place)
    body = {name: part for name, part in weights.params.items() if name != HEAD}
    found = traverse_util.flatten_dict({"params": body, **weights.model_state}, sep="/")
    return matched(found, shapes)  # pyright: ignore[reportArgumentType]


def variable_shapes(config: ConfigDict, network: nn.Module) -> PyTree:
    """Shapes of the variables of a classifier's network."""
    model = config.model
    return jax.eval_shape(network.init, jax.random.key(0), jnp.zeros((1, model.frames, model.side, model.side, 3)))


def _published(config: ConfigDict) -> Path:
    path = Path(config.pathway.weights)
    if not path.is_file():
        raise ValueError(
            f"config.pathway.weights {config.pathway.weights!r}: name the .npz that python -m "
            "futurepred_jax.weights.convert makes of a published checkpoint"
        )
    return path
