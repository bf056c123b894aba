"""What was trained, from its workdir."""

from etils import epath
from ml_collections import ConfigDict

from futurepred_jax.factory.models import make_magvit, make_transformer
from futurepred_jax.factory.tokenizers import tokenizer_config, tokenizer_workdir
from futurepred_jax.models.decoding import Sampling
from futurepred_jax.models.predictor import Predictor, Tokenizer
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
    """The predictor of a predictor's config and workdir, with its tokenizer. Raises as ``load_tokenizer``."""
    identity.require_same(workdir, config.to_dict())
    tokenizer = load_tokenizer(tokenizer_config(config), tokenizer_workdir(config, workdir))
    weights = checkpoints.load_params(workdir, config.evaluation.checkpoint)
    return Predictor(tokenizer, make_transformer(config, tokenizer.module), weights.params)


def sampling(config: ConfigDict) -> Sampling:
    """How futures are sampled when they are evaluated and written."""
    return Sampling(**config.sampling.to_dict())
