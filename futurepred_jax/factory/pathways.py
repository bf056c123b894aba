"""A predictor's motion pathways: where their networks were trained, and what they start from."""

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
    "published": "a converted file, named by weights",
    "random": "from nothing",
}
HEAD = "head"  # of a network, which a pathway does without


def pathway_configs(config: ConfigDict) -> dict[str, ConfigDict]:
    """The configs of the networks of a predictor's pathways, by the pathways' names."""
    return {name: section.config for name, section in config.get("pathways", {}).items()}


def pretrained_workdirs(config: ConfigDict, workdir: epath.PathLike) -> dict[str, epath.Path]:
    """Where the networks are trained that a predictor's pathways start from, by the pathways' names.

    ``workdir`` of a pathway, by default beside the predictor's: all predictors of a preset share it.

    Raises:
        ValueError: as ``_init``.
    """
    sections = config.get("pathways", {}).items()
    return {name: _workdir(each, workdir) for name, each in sections if _init(name, each) == "pretrained"}


def network_start(name: str, config: ConfigDict, workdir: epath.PathLike, network: nn.Module) -> PyTree | None:
    """The variables that the network of a predictor's pathway starts from, without a head; None for random ones.

    Raises:
        ValueError: as ``_init``, or if what it names is missing, was trained with another config or is of another
            network.
    """
    section = config.pathways[name]
    init, shapes = _init(name, section), variable_shapes(section.config, network)
    if init == "random":
        return None
    if init == "published":
        return load_weights(_published(name, section), shapes, drop=(HEAD,))
    place = _workdir(section, workdir)
    identity.require_same(place, section.config.to_dict())
    weights = checkpoints.load_params(place)
    body = {part: found for part, found in weights.params.items() if part != HEAD}
    found = traverse_util.flatten_dict({"params": body, **weights.model_state}, sep="/")
    return matched(found, shapes)  # pyright: ignore[reportArgumentType]


def variable_shapes(config: ConfigDict, network: nn.Module) -> PyTree:
    """Shapes of the variables of a classifier's network."""
    model = config.model
    return jax.eval_shape(network.init, jax.random.key(0), jnp.zeros((1, model.frames, model.side, model.side, 3)))


def _init(name: str, section: ConfigDict) -> str:
    """What a pathway's network is fine-tuned from; raises a ValueError with the choices if it does not say."""
    if section.init not in INITS:
        choices = "; ".join(f"{init} ({what})" for init, what in INITS.items())
        raise ValueError(
            f"config.pathways.{name}.init {section.init!r}: say what the pathway is fine-tuned from: {choices}"
        )
    return section.init


def _workdir(section: ConfigDict, workdir: epath.PathLike) -> epath.Path:
    inner = section.config
    return epath.Path(section.workdir or epath.Path(workdir).parent / f"{inner.name}-{inner.preset}")


def _published(name: str, section: ConfigDict) -> Path:
    path = Path(section.weights)
    if not path.is_file():
        raise ValueError(
            f"config.pathways.{name}.weights {section.weights!r}: name the .npz that python -m "
            "futurepred_jax.weights.convert makes of a published checkpoint"
        )
    return path
