"""Config to a training: source, objective, optimizer and numbers, as one ``Job``."""

from typing import Any

import numpy as np
from etils import epath
from ml_collections import ConfigDict

from futurepred_jax.data.blueprints import PARTS
from futurepred_jax.data.pipeline import Source
from futurepred_jax.factory.assets import AbstractAssets, Assets, StoredAssets
from futurepred_jax.factory.data import (
    LABELS,
    has_outlook,
    has_pathways,
    has_realism_losses,
    is_predictor,
    is_synthetic,
    open_split,
    spec,
)
from futurepred_jax.factory.drawing import draws_in_step, on_blueprints
from futurepred_jax.factory.fields import made_of
from futurepred_jax.factory.layout import RULES
from futurepred_jax.factory.models import (
    clip_flops,
    make_classification,
    make_magvit,
    make_outlook,
    make_pathways,
    make_transformer,
)
from futurepred_jax.factory.outlooks import outlook_config
from futurepred_jax.factory.realism import judging_flops, make_realism
from futurepred_jax.factory.tokenizers import GATE_SPLIT, tokenizer_config
from futurepred_jax.models.transformer import train_flops
from futurepred_jax.objectives.chunks import require_one_turn
from futurepred_jax.objectives.classification import ClassificationObjective
from futurepred_jax.objectives.joint import JUDGE, JointObjective
from futurepred_jax.objectives.motion import MotionObjective
from futurepred_jax.objectives.outlook import OutlookObjective
from futurepred_jax.objectives.prediction import PredictionObjective
from futurepred_jax.objectives.realism import RealismObjective
from futurepred_jax.objectives.tokenizer import TokenizerObjective
from futurepred_jax.training import optimizers
from futurepred_jax.training.job import Job

Objective = (
    TokenizerObjective
    | RealismObjective
    | OutlookObjective
    | PredictionObjective
    | MotionObjective
    | JointObjective
    | ClassificationObjective
)

TOKENIZER_FIELDS = ("noisy", "video", "instance")
RECORDED_FIELDS = ("noisy", "video")
UNKNOWN = "no objects are known in {source}: every pixel weighs the same, objective.foreground_weight has no effect"

# XLA's CPU backend ran MagVit's convolutions with their gradients 1.4 to 3.8 times faster with this, a step of the
# outlook 6 % and one of the Transformer 4 %; motion networks slower, which go without.
CPU_OPTIONS = {"cpu": {"xla_cpu_experimental_ynn_fusion_type": "LIBRARY_FUSION_TYPE_INDIVIDUAL_DOT"}}


def make_job(config: ConfigDict, workdir: epath.PathLike) -> Job:
    """The training of a config.

    Clips are drawn where they are missing, and for a predictor the tokenizer passes its gate and makes the tokens.

    Raises:
        ValueError: for a kind of config that is not known, or as ``require_gate``.
    """
    return _job(config, StoredAssets(config, workdir))


def abstract_job(config: ConfigDict) -> Job:
    """The same training on blank clips or tokens, to be compiled: it needs no clips and no trained weights.

    Raises:
        ValueError: for a kind of config that is not known.
    """
    return _job(config, AbstractAssets(config))


def _job(config: ConfigDict, assets: Assets) -> Job:
    if config.kind not in JOBS:
        raise ValueError(f"config.kind {config.kind!r}: known are {', '.join(JOBS)}")
    context, frames = config.data.context_frames, config.data.frames
    if config.kind not in ("tokenizer", "classifier") and not 0 < context < frames:
        raise ValueError(f"config.data.context_frames {context} of {frames} frames: some are seen, others predicted")
    return JOBS[config.kind](config, assets)


def tokenizer_job(config: ConfigDict, assets: Assets) -> Job:
    """Training a MagVit on clips."""
    model, data = make_magvit(config), config.data
    objective: Objective = TokenizerObjective(model, _shape(config), **_fields(config), start=assets.inflated)
    flops = 3 * clip_flops(model, data.frames, data.size)
    if has_realism_losses(config):
        objective = make_realism(config, objective, assets)
        flops += judging_flops(config, objective)
    if not is_synthetic(config):
        print(UNKNOWN.format(source=data.source))
    return on_clips(
        config,
        objective,
        assets,
        keys=_drawing_fields(config),
        flops=flops,
        compiler_options=CPU_OPTIONS,
    )


def outlook_job(config: ConfigDict, assets: Assets) -> Job:
    """Training a first guess on the tokens of a frozen tokenizer."""
    outlook, held_out = make_outlook(config, make_magvit(tokenizer_config(config))), assets.tokens(GATE_SPLIT)
    objective = OutlookObjective(outlook, codes=assets.codebooks, accumulate=config.train.accumulate)
    return Job(
        **_common(config, objective, held_out),
        train_source=assets.tokens("train"),
        val_source=held_out,
        flops_per_step=3 * outlook.flops(clips=config.train.batch_size),
        tokens_per_clip=int(np.prod(outlook.grid)),
        compiler_options=CPU_OPTIONS,
    )


def prediction_job(config: ConfigDict, assets: Assets) -> Job:
    """Training a Transformer on the tokens of a frozen tokenizer, and motion pathways beside it where there are any."""
    prediction = _prediction(config, assets, **_fields(config))
    objective = _with_motion(config, assets, prediction) if has_pathways(config) else prediction
    held_out = assets.tokens(GATE_SPLIT)
    return Job(
        **_common(config, objective, held_out),
        train_source=assets.tokens("train"),
        val_source=held_out,
        flops_per_step=config.train.batch_size * _prediction_flops(config, objective),
        tokens_per_clip=int(np.prod(prediction.model.grid)),
        compiler_options={} if has_pathways(config) else CPU_OPTIONS,
    )


def joint_job(config: ConfigDict, assets: Assets) -> Job:
    """Training tokenizer, motion pathways and Transformer together, on clips."""
    fields, codec = _fields(config), tokenizer_config(config)
    weights = {name: fields.pop(name) for name in ("drawing_weight", "consistency_weight")}
    motion = _with_motion(config, assets, _prediction(config, assets, **fields))
    tokenizer = assets.tokenizer
    drawing = TokenizerObjective(tokenizer.module, _shape(config), **codec.objective.to_dict())
    drawn = clip_flops(tokenizer.module, config.data.frames, config.data.size)
    judge = motion.pathways.parts[JUDGE]
    judged = clip_flops(judge.network, judge.frames, judge.side)
    return on_clips(
        config,
        JointObjective(motion, drawing, tokenizer.variables, **weights),
        assets,
        keys=_drawing_fields(config),
        flops=_prediction_flops(config, motion) + 3 * (drawn + judged),
        tokens_per_clip=int(np.prod(motion.prediction.model.grid)),
    )


def classification_job(config: ConfigDict, assets: Assets) -> Job:
    """Training a motion network on the labels of clips with one target."""
    require_one_turn(config.train.accumulate)
    if not is_synthetic(config):
        raise ValueError(
            f"{config.name} is trained on labels, which {config.data.source} has none of: let the pathway start "
            "otherwise, --config.pathways.NAME.init=random or published"
        )
    objective, model = make_classification(config), config.model
    flops = 3 * clip_flops(objective.network, model.frames, model.side)
    return on_clips(config, objective, assets, keys=("noisy", *LABELS), flops=flops)


JOBS = {
    "tokenizer": tokenizer_job,
    "outlook": outlook_job,
    "predictor": prediction_job,
    "joint": joint_job,
    "classifier": classification_job,
}


def on_clips(
    config: ConfigDict,
    objective: Objective,
    assets: Assets,
    *,
    keys: tuple[str, ...],
    flops: float,
    **further: Any,
) -> Job:
    """A training on clips, of which a batch has the fields ``keys``; ``flops`` are those of one clip."""
    held_out = assets.clips(GATE_SPLIT)
    common = _common(config, objective, held_out)
    if draws_in_step(config):
        samples, keys = spec(config).samples, (*PARTS, *LABELS)
        common |= {name: on_blueprints(common[name], samples) for name in ("loss", "validate")}
    return Job(
        **common,
        train_source=assets.clips("train"),
        val_source=held_out,
        batch_keys=keys,
        flops_per_step=config.train.batch_size * flops,
        **further,
    )


def _drawing_fields(config: ConfigDict) -> tuple[str, ...]:
    return TOKENIZER_FIELDS if is_synthetic(config) else RECORDED_FIELDS


def _shape(config: ConfigDict) -> tuple[int, int, int]:
    return config.data.frames, config.data.size, config.data.size


def _fields(config: ConfigDict) -> dict[str, Any]:
    """What an objective takes from a config: its section, and the turns in which a batch is taken."""
    return {**config.objective.to_dict(), "accumulate": config.train.accumulate}


def _prediction(config: ConfigDict, assets: Assets, **fields: Any) -> PredictionObjective:
    module = make_magvit(tokenizer_config(config))
    transformer, outlook = make_transformer(config, module), make_outlook(outlook_config(config), module)
    return PredictionObjective(
        transformer,
        transformer.context_latents,
        outlook=outlook,
        outlook_variables=assets.outlook_variables,
        codes=assets.codebooks,
        **fields,
    )


def _with_motion(config: ConfigDict, assets: Assets, prediction: PredictionObjective) -> MotionObjective:
    pathways = make_pathways(config, make_magvit(tokenizer_config(config)))
    shape = (config.data.context_frames, config.data.size, config.data.size)
    return MotionObjective(prediction, pathways, shape, assets.networks(pathways))


def _prediction_flops(config: ConfigDict, objective: PredictionObjective | MotionObjective) -> float:
    """Forward and backward, of one clip."""
    if isinstance(objective, PredictionObjective):
        guess = 0.0 if objective.outlook is None else objective.outlook.flops(clips=1)
        return train_flops(objective.model, clips=1, first=objective.first) + guess
    watched = clip_flops(objective.pathways, config.data.context_frames, config.data.size)
    return _prediction_flops(config, objective.prediction) + 3 * watched


def _common(config: ConfigDict, objective: Objective, held_out: Source) -> dict[str, Any]:
    """What every training takes from a config in the same way."""
    train = config.train.to_dict()
    del train["accumulate"]  # the objective's
    steps, batch_size, optimizer = (train.pop(name) for name in ("steps", "batch_size", "optimizer"))
    as_given = {name: train.pop(name) for name in ("ema_decay", "on_nan")}
    rates = train.pop("rates", {})
    if optimizer not in optimizers.OPTIMIZERS:
        raise ValueError(f"config.train.optimizer {optimizer!r}: known are {', '.join(optimizers.OPTIMIZERS)}")
    return {
        "model": config.name,
        "init": objective.init,
        "loss": objective.loss,
        "validate": objective.validate,
        "optimizer": optimizers.with_rates(
            made_of(optimizers.OPTIMIZERS[optimizer], "config.train", train, steps=steps), rates
        ),
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


def require_held_out(config: ConfigDict) -> None:
    """Refuses recorded videos that are too few for what is trained in turn, before any of it is.

    Raises:
        ValueError: if fewer clips are held out than a batch takes.
    """
    if is_synthetic(config):
        return
    held_out, stages = open_split(config, GATE_SPLIT), [config]
    stages += [tokenizer_config(config)] if is_predictor(config) else []
    stages += [outlook_config(config)] if has_outlook(config) else []
    for stage in stages:
        _val_batches(stage, held_out)


def _val_batches(config: ConfigDict, held_out: Source) -> int:
    """As many as the config says; of recorded videos there are as many as there are, and at most all are used."""
    if is_synthetic(config):
        return config.logging.val_batches
    there_are, batch_size = len(held_out), config.train.batch_size
    if there_are < batch_size:
        raise ValueError(
            f"{GATE_SPLIT} has {there_are} clips, and a batch of {config.name} takes {batch_size}: give more videos, "
            "raise config.data.held_out, or lower train.batch_size there"
        )
    return min(config.logging.val_batches, there_are // batch_size)
