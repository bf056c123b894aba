"""What was trained, from its workdir."""

from collections.abc import Callable, Mapping

import jax
import numpy as np
from etils import epath
from jaxtyping import Array, PyTree
from ml_collections import ConfigDict

from futurepred_jax.factory.data import watches
from futurepred_jax.factory.models import make_classification, make_magvit, make_pathway, make_transformer
from futurepred_jax.factory.tokenizers import tokenizer_config, tokenizer_workdir
from futurepred_jax.models.decoding import Sampling
from futurepred_jax.models.predictor import Motion, Predictor, Tokenizer
from futurepred_jax.training import checkpoints, identity


def load_tokenizer(config: ConfigDict, workdir: epath.PathLike) -> Tokenizer:
    """The tokenizer of a tokenizer's config and workdir.

    Raises:
        ValueError: if the workdir is of another config, or has no good checkpoint.
    """
    identity.require_same(workdir, config.to_dict())
    weights = checkpoints.load_params(workdir)
    return Tokenizer(make_magvit(config), {"params": weights.params, **(weights.model_state or {})})


def load_predictor(config: ConfigDict, workdir: epath.PathLike) -> Predictor:
    """The predictor of a predictor's config and workdir, with all its parts. Raises as ``load_tokenizer``."""
    identity.require_same(workdir, config.to_dict())
    params, state = checkpoints.load_params(workdir, config.evaluation.checkpoint)
    weights = {"transformer": params["transformer"] if watches(config) else params}
    if config.kind == "joint":
        weights["tokenizer"] = {"params": params["tokenizer"], **state["tokenizer"]}
    else:
        place = tokenizer_workdir(config, workdir)
        weights["tokenizer"] = load_tokenizer(tokenizer_config(config), place).variables
    if watches(config):
        weights["pathway"] = {"params": params["pathway"], **state["pathway"]}
    return assemble_predictor(config, weights)


def assemble_predictor(config: ConfigDict, weights: Mapping[str, PyTree]) -> Predictor:
    """The predictor of a config and the weights of its parts, by the names that ``weights_of`` gives them."""
    magvit, data = make_magvit(tokenizer_config(config)), config.data
    return Predictor(
        Tokenizer(magvit, weights["tokenizer"]),
        make_transformer(config, magvit),
        weights["transformer"],
        Motion(make_pathway(config, magvit), weights["pathway"]) if watches(config) else None,
        past=magvit.grid(data.context_frames, data.size, data.size)[0],
    )


def weights_of(predictor: Predictor) -> dict[str, PyTree]:
    """The weights of a predictor's parts."""
    weights = {"tokenizer": predictor.tokenizer.variables, "transformer": predictor.params}
    return weights if predictor.motion is None else {**weights, "pathway": predictor.motion.variables}


def load_classifier(config: ConfigDict, workdir: epath.PathLike) -> Callable[[np.ndarray], dict[str, Array]]:
    """Noisy clips to the logits of each label, by a classifier's config and workdir. Raises as ``load_tokenizer``."""
    identity.require_same(workdir, config.to_dict())
    params, state = checkpoints.load_params(workdir)
    objective = make_classification(config)
    logits = jax.jit(objective.logits)
    return lambda noisy: objective.split(logits(params, state, noisy))


def sampling(config: ConfigDict) -> Sampling:
    """How futures are sampled when they are evaluated and written."""
    return Sampling(**config.sampling.to_dict())
