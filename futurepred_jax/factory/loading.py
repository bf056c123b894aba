"""What was trained, from its workdir."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from etils import epath
from jaxtyping import Array, PyTree
from ml_collections import ConfigDict

from futurepred_jax.factory.data import has_outlook, has_pathways, has_realism_losses
from futurepred_jax.factory.models import (
    make_classification,
    make_magvit,
    make_outlook,
    make_pathways,
    make_transformer,
    tuples,
)
from futurepred_jax.factory.outlooks import outlook_config
from futurepred_jax.factory.tokenizers import tokenizer_config, tokenizer_workdir
from futurepred_jax.models.parts import MotionModel, OutlookModel, TokenizerModel
from futurepred_jax.models.predictor import PredictorModel
from futurepred_jax.models.sampling import Sampling
from futurepred_jax.training import checkpoints, identity


def load_tokenizer(config: ConfigDict, workdir: epath.PathLike) -> TokenizerModel:
    """The tokenizer of a tokenizer's config and workdir.

    Raises:
        ValueError: if the workdir is of another config, or has no good checkpoint.
    """
    identity.require_same(workdir, config.to_dict())
    params, state = checkpoints.load_params(workdir)
    if has_realism_losses(config):
        params, state = params["tokenizer"], state["tokenizer"]
    return TokenizerModel(make_magvit(config), {"params": params, **(state or {})})


def load_outlook(config: ConfigDict, workdir: epath.PathLike) -> OutlookModel:
    """What makes the first guess, by its own config and workdir. Raises as ``load_tokenizer``."""
    identity.require_same(workdir, config.to_dict())
    weights = checkpoints.load_params(workdir)
    module = make_outlook(config, make_magvit(tokenizer_config(config)))
    return OutlookModel(module, {"params": weights.params, **(weights.model_state or {})})


def load_predictor(config: ConfigDict, workdir: epath.PathLike) -> PredictorModel:
    """Loads the predictor of a predictor's config and workdir, with all its parts.

    Raises:
        ValueError: as ``load_tokenizer``, or the tokenizer is not the one that the predictor was trained on.
    """
    identity.require_same(workdir, config.to_dict())
    if not has_outlook(config):
        raise ValueError(
            f"{workdir} has no outlook in its config: another version trained it; train it again with this"
        )
    params, state = checkpoints.load_params(workdir, config.evaluation.checkpoint)
    weights = {"transformer": params["transformer"] if has_pathways(config) else params, "outlook": state["outlook"]}
    if config.kind == "joint":
        weights["tokenizer"] = {"params": params["tokenizer"], **state["tokenizer"]}
    else:
        place = tokenizer_workdir(config, workdir)
        tokenizer = load_tokenizer(tokenizer_config(config), place)
        if not np.array_equal(state["outlook"]["codes"]["codes"], tokenizer.codebooks):
            raise ValueError(
                f"{place} is another tokenizer than the one that {workdir} was trained on: restore that one, or train "
                "the predictor again, in another workdir"
            )
        weights["tokenizer"] = tokenizer.variables
    if has_pathways(config):
        weights["pathways"] = {"params": params["pathways"], **state["pathways"]}
    return assemble_predictor(config, weights)


def restored_config(plain: Mapping[str, Any]) -> ConfigDict:
    """A config from the plain one that JSON gave back."""
    return ConfigDict(tuples(plain))


def assemble_predictor(config: ConfigDict, weights: Mapping[str, PyTree]) -> PredictorModel:
    """The predictor of a config and the weights of its parts, by the names that ``weights_of`` gives them."""
    magvit, weights = make_magvit(tokenizer_config(config)), jax.tree.map(jnp.asarray, weights)  # on the device once
    return PredictorModel(
        TokenizerModel(magvit, weights["tokenizer"]),
        make_transformer(config, magvit),
        weights["transformer"],
        OutlookModel(make_outlook(outlook_config(config), magvit), weights["outlook"]),
        MotionModel(make_pathways(config, magvit), weights["pathways"]) if has_pathways(config) else None,
    )


def weights_of(predictor: PredictorModel) -> dict[str, PyTree]:
    """The weights of a predictor's parts."""
    weights = {"tokenizer": predictor.tokenizer.variables, "transformer": predictor.params}
    further = {"outlook": predictor.outlook, "pathways": predictor.motion}
    return weights | {name: part.variables for name, part in further.items() if part is not None}


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
