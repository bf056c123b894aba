"""Every config's training at debug size on a few real clips, without the files that a workdir would hold."""

import numpy as np
import optax

from futurepred_jax import factory
from futurepred_jax.configs import baseline, tokenizer
from futurepred_jax.data.clips import make_clip, noisy
from futurepred_jax.data.pipeline import ArraySource
from futurepred_jax.factory.layout import RULES
from futurepred_jax.models.transformer import Transformer
from futurepred_jax.objectives.prediction import PredictionObjective
from futurepred_jax.objectives.tokenizer import TokenizerObjective
from futurepred_jax.training.job import Job
from futurepred_jax.training.sharding import LargestAxis

BATCH = 8
EVERYTHING = (*RULES[:-1], (".*", LargestAxis(min_size=1)))  # at this size the real rule would split little


def drawing(accumulate):
    """A tokenizer whose codebook is in use from the first step, and clips."""
    config = tokenizer.get_config("debug")
    spec = factory.spec(config)
    clips = [make_clip(spec, "train", index) for index in range(3 * BATCH)]
    fields = {name: np.stack([clip[name] for clip in clips]) for name in ("video", "instance")}
    fields["noisy"] = np.stack([noisy(spec, "train", clip) for clip in clips])
    settings = {**config.objective.to_dict(), "warm_steps": 0, "accumulate": accumulate}
    return TokenizerObjective(factory.make_magvit(config), fields["video"].shape[1:4], **settings), fields


def predicting(accumulate):
    """A Transformer, and tokens at random."""
    config = baseline.get_config("debug")
    model: Transformer = factory.make_transformer(config, factory.make_magvit(config.tokenizer.config))
    tokens = np.random.default_rng(0).integers(0, model.sizes, (3 * BATCH, *model.grid, len(model.sizes)))
    settings = {**config.objective.to_dict(), "accumulate": accumulate}
    return PredictionObjective(model, 2, **settings), {"tokens": tokens.astype(np.uint8)}


CONFIGS = {"tokenizer": drawing, "baseline": predicting}


def make_job(config, *, accumulate=1, **changes):
    objective, fields = CONFIGS[config](accumulate)
    source = ArraySource(fields)
    settings = {
        "model": config,
        "init": objective.init,
        "loss": objective.loss,
        "validate": objective.validate,
        "optimizer": optax.sgd(0.1),
        "train_source": source,
        "val_source": source,
        "steps": 3,
        "batch_size": BATCH,
        "val_batches": 1,
        "seed": 0,
        "log_every": 1,
        "validate_every": 3,
        "checkpoint_every": 3,
        "sharding_rules": EVERYTHING,
        "flops_per_step": 1.0,
        "compiler_options": {"cpu": {"xla_backend_optimization_level": "0", "xla_llvm_disable_expensive_passes": True}},
    }
    return Job(**{**settings, **changes})
