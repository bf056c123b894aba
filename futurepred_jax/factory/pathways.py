"""A predictor's motion pathway: where its network was trained, and what it starts from."""

import jax
import jax.numpy as jnp
from etils import epath
from flax import linen as nn
from flax import traverse_util
from jaxtyping import PyTree
from ml_collections import ConfigDict

from futurepred_jax.training import checkpoints, identity

INITS = {
    "pretrained": "on motion and shape, by configs/classification.py",
    "published": "a converted file, config.pathway.weights",
    "random": "from nothing",
}
SHOWN = 5  # arrays named in an error


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
    init = pathway_init(config)
    if init == "random":
        return None
    place = pathway_workdir(config, workdir)
    identity.require_same(place, pathway_config(config).to_dict())
    weights = checkpoints.load_params(place)
    return fitting({"params": weights.params, **weights.model_state}, variable_shapes(config, network), str(place))


def variable_shapes(config: ConfigDict, network: nn.Module) -> PyTree:
    """Shapes of a network's variables."""
    inner = pathway_config(config).model
    return jax.eval_shape(network.init, jax.random.key(0), jnp.zeros((1, inner.frames, inner.side, inner.side, 3)))


def fitting(found: PyTree, wanted: PyTree, where: str) -> PyTree:
    """The part of ``found`` that ``wanted``, whose leaves have shapes, asks for: a head that is not wanted is left out.

    Raises:
        ValueError: if an array is missing or has another shape, with the first few.
    """
    ours, theirs = (traverse_util.flatten_dict(dict(tree), sep="/") for tree in (wanted, found))
    wrong = [name for name, leaf in ours.items() if name not in theirs or theirs[name].shape != leaf.shape]
    if wrong:
        lines = [f"{name}: {getattr(theirs.get(name), 'shape', 'absent')}, wanted {ours[name].shape}" for name in wrong]
        raise ValueError(f"{where} is of another network in {len(wrong)} arrays: {'; '.join(lines[:SHOWN])}")
    return traverse_util.unflatten_dict({name: theirs[name] for name in ours}, sep="/")
