"""Config to a training: source, objective, optimizer and numbers, as one ``Job``."""

from typing import Any

import numpy as np
from etils import epath
from ml_collections import ConfigDict

from futurepred_jax.data.pipeline import Source
from futurepred_jax.factory.data import knows_objects
from futurepred_jax.factory.layout import RULES
from futurepred_jax.factory.materials import Materials, Shapes, Stored
from futurepred_jax.factory.models import clip_flops, make_magvit, make_transformer
from futurepred_jax.factory.tokenizers import GATE_SPLIT, tokenizer_config
from futurepred_jax.models.transformer import train_flops
from futurepred_jax.objectives.prediction import PredictionObjective
from futurepred_jax.objectives.tokenizer import TokenizerObjective
from futurepred_jax.training import optimizers
from futurepred_jax.training.job import Job

Objective = TokenizerObjective | PredictionObjective

TOKENIZER_FIELDS = ("noisy", "video", "instance")
RECORDED_FIELDS = ("noisy", "video")
UNKNOWN = "no objects are known in {source}: every pixel weighs the same, objective.foreground_weight has no effect"

# XLA's CPU backend ran convolutions with their gradients 1.4 to 3.8 times faster with this, and matrix products slower.
CPU_CONVOLUTIONS = {"cpu": {"xla_cpu_experimental_ynn_fusion_type": "LIBRARY_FUSION_TYPE_INDIVIDUAL_DOT"}}


def make_job(config: ConfigDict, workdir: epath.PathLike) -> Job:
    """The training of a config.

    Clips are drawn where they are missing, and for a predictor the tokenizer passes its gate and makes the tokens.

    Raises:
        ValueError: for a kind of config that is not known, or as ``require_gate``.
    """
    return _job(config, Stored(config, workdir))


def outline_job(config: ConfigDict) -> Job:
    """The same training on blank clips or tokens, to be compiled: it needs no clips and no trained tokenizer.

    Raises:
        ValueError: for a kind of config that is not known.
    """
    return _job(config, Shapes(config))


def _job(config: ConfigDict, materials: Materials) -> Job:
    if config.kind not in JOBS:
        raise ValueError(f"config.kind {config.kind!r}: known are {', '.join(JOBS)}")
    return JOBS[config.kind](config, materials)


def tokenizer_job(config: ConfigDict, materials: Materials) -> Job:
    """Training a MagVit on clips."""
    model, data = make_magvit(config), config.data
    one = clip_flops(model, data.frames, data.size)  # pyright: ignore[reportArgumentType]
    shape = (data.frames, data.size, data.size)
    objective = TokenizerObjective(model, shape, accumulate=config.train.accumulate, **config.objective.to_dict())
    held_out = materials.clips(GATE_SPLIT)
    if not knows_objects(config):
        print(UNKNOWN.format(source=data.source))
    return Job(
        **_common(config, objective, held_out),
        train_source=materials.clips("train"),
        val_source=held_out,
        batch_keys=TOKENIZER_FIELDS if knows_objects(config) else RECORDED_FIELDS,
        flops_per_step=3 * config.train.batch_size * one,
        compiler_options=CPU_CONVOLUTIONS,
    )


def prediction_job(config: ConfigDict, materials: Materials) -> Job:
    """Training a Transformer on the tokens of a frozen tokenizer."""
    tokenizer, codebooks = make_magvit(tokenizer_config(config)), materials.codebooks
    model = make_transformer(config, tokenizer)
    latent_context = 1 + (config.data.context_frames - 1) // tokenizer.stride[0]
    objective = PredictionObjective(
        model, latent_context, codes=codebooks, accumulate=config.train.accumulate, **config.objective.to_dict()
    )
    held_out = materials.tokens(GATE_SPLIT)
    return Job(
        **_common(config, objective, held_out),
        train_source=materials.tokens("train"),
        val_source=held_out,
        flops_per_step=train_flops(model, clips=config.train.batch_size, first=objective.first),
        tokens_per_clip=int(np.prod(model.grid)),
    )


JOBS = {"tokenizer": tokenizer_job, "predictor": prediction_job}


def _common(
    config: ConfigDict, objective: TokenizerObjective | PredictionObjective, held_out: Source
) -> dict[str, Any]:
    """What every training takes from a config in the same way."""
    train = config.train.to_dict()
    del train["accumulate"]  # the objective's
    steps, batch_size, optimizer = (train.pop(name) for name in ("steps", "batch_size", "optimizer"))
    as_given = {name: train.pop(name) for name in ("ema_decay", "on_nan")}
    if optimizer not in optimizers.OPTIMIZERS:
        raise ValueError(f"config.train.optimizer {optimizer!r}: known are {', '.join(optimizers.OPTIMIZERS)}")
    return {
        "model": config.name,
        "init": objective.init,
        "loss": objective.loss,
        "validate": objective.validate,
        "optimizer": optimizers.OPTIMIZERS[optimizer](steps=steps, **train),
        "steps": steps,
        "batch_size": batch_size,
        "best": "loss",
        **as_given,
        "seed": config.seed,
        "mesh_shape": config.mesh.to_dict(),
        "sharding_rules": RULES,
        **config.logging.to_dict(),
        "val_batches": _val_batches(config, held_out),
    }


def _val_batches(config: ConfigDict, held_out: Source) -> int:
    """As many as the config says; of recorded videos there are as many as there are, and at most all are used."""
    if knows_objects(config):
        return config.logging.val_batches
    there_are, batch_size = len(held_out), config.train.batch_size
    if there_are < batch_size:
        raise ValueError(
            f"{GATE_SPLIT} has {there_are} clips, and a batch takes {batch_size}: give more videos, raise "
            "config.data.held_out, or lower config.train.batch_size"
        )
    return min(config.logging.val_batches, there_are // batch_size)
