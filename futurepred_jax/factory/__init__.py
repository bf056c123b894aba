"""From a config to the things that run: data, models, objectives, optimizers, what was trained."""

from futurepred_jax.factory.assets import StoredAssets
from futurepred_jax.factory.data import (
    evaluation_splits,
    has_outlook,
    has_pathways,
    is_predictor,
    open_split,
    sample_clips,
    source_name,
    spec,
    token_splits,
)
from futurepred_jax.factory.inference import Inference, abstract_inference
from futurepred_jax.factory.jobs import abstract_job, make_job, require_held_out
from futurepred_jax.factory.loading import (
    assemble_predictor,
    load_classifier,
    load_predictor,
    load_tokenizer,
    restored_config,
    sampling,
    weights_of,
)
from futurepred_jax.factory.models import make_magvit, make_outlook, make_pathways, make_transformer
from futurepred_jax.factory.networks import network_names, networks
from futurepred_jax.factory.outlooks import outlook_config, outlook_workdir
from futurepred_jax.factory.pathways import network_start, pathway_configs, pretrained_workdirs
from futurepred_jax.factory.tokenizers import GateError, require_gate, tokenizer_config, tokenizer_workdir

__all__ = [
    "GateError",
    "Inference",
    "StoredAssets",
    "abstract_inference",
    "abstract_job",
    "assemble_predictor",
    "evaluation_splits",
    "has_outlook",
    "has_pathways",
    "is_predictor",
    "load_classifier",
    "load_predictor",
    "load_tokenizer",
    "make_job",
    "make_magvit",
    "make_outlook",
    "make_pathways",
    "make_transformer",
    "network_names",
    "network_start",
    "networks",
    "open_split",
    "outlook_config",
    "outlook_workdir",
    "pathway_configs",
    "pretrained_workdirs",
    "require_gate",
    "require_held_out",
    "restored_config",
    "sample_clips",
    "sampling",
    "source_name",
    "spec",
    "token_splits",
    "tokenizer_config",
    "tokenizer_workdir",
    "weights_of",
]
