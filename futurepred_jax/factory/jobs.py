"""Config to a training: source, objective, optimizer and numbers, as one ``Job``."""

import hashlib
import json
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from etils import epath
from ml_collections import ConfigDict

from futurepred_jax.data.pipeline import Source
from futurepred_jax.data.tokens import TokensInContext, cached_tokens
from futurepred_jax.factory.data import LABELS, open_split, watches
from futurepred_jax.factory.loading import load_tokenizer
from futurepred_jax.factory.models import make_classification, make_magvit, make_pathway, make_transformer
from futurepred_jax.factory.pathways import network_start, pathway_config
from futurepred_jax.factory.tokenizers import GATE_SPLIT, require_gate, tokenizer_config, tokenizer_workdir
from futurepred_jax.models.predictor import Tokenizer
from futurepred_jax.models.transformer import train_flops
from futurepred_jax.objectives.classification import ClassificationObjective
from futurepred_jax.objectives.joint import JointObjective
from futurepred_jax.objectives.motion import MotionObjective
from futurepred_jax.objectives.prediction import PredictionObjective
from futurepred_jax.objectives.tokenizer import TokenizerObjective, to_signed
from futurepred_jax.training import optimizers
from futurepred_jax.training.job import Job

Objective = TokenizerObjective | PredictionObjective | MotionObjective | JointObjective | ClassificationObjective

TOKENIZER_FIELDS = ("noisy", "video", "instance")

# XLA's CPU backend ran MagVit's convolutions with their gradients 1.4 to 3.8 times faster with this, and matrix
# products slower; a small I3D's step took 0.14 CPU seconds with it and 0.10 without.
CPU_CONVOLUTIONS = {"xla_cpu_experimental_ynn_fusion_type": "LIBRARY_FUSION_TYPE_INDIVIDUAL_DOT"}


def make_job(config: ConfigDict, workdir: epath.PathLike) -> Job:
    """The training of a config.

    Clips are drawn where they are missing, and for a predictor the tokenizer passes its gate and makes the tokens.

    Raises:
        ValueError: for a kind of config that is not known, or as ``require_gate``.
    """
    if config.kind not in JOBS:
        raise ValueError(f"config.kind {config.kind!r}: known are {', '.join(JOBS)}")
    return JOBS[config.kind](config, epath.Path(workdir))


def tokenizer_job(config: ConfigDict, workdir: epath.Path) -> Job:
    """Training a MagVit on clips."""
    del workdir
    model = make_magvit(config)
    objective = TokenizerObjective(model, _shape(config), **config.objective.to_dict())
    clip = jax.ShapeDtypeStruct((config.train.batch_size, *objective.shape, 3), jnp.float32)
    return Job(
        **_common(config, objective),
        train_source=open_split(config, "train"),
        val_source=open_split(config, GATE_SPLIT),
        batch_keys=TOKENIZER_FIELDS,
        flops_per_step=3 * _forward_flops(model, clip),
        compiler_options=CPU_CONVOLUTIONS if jax.default_backend() == "cpu" else {},
    )


def prediction_job(config: ConfigDict, workdir: epath.Path) -> Job:
    """Training a Transformer on the tokens of a frozen tokenizer, and a motion pathway beside it where there is one."""
    require_gate(config, workdir)
    tokenizer = load_tokenizer(tokenizer_config(config), tokenizer_workdir(config, workdir))
    identity = _digest(tokenizer.variables)

    def encode(video: np.ndarray) -> np.ndarray:
        return np.asarray(tokenizer.tokenize(to_signed(jnp.asarray(video))))

    def tokens(split: str) -> Source:
        clips, context = open_split(config, split), config.data.context_frames
        found = cached_tokens(
            clips, encode, workdir / "tokens", context=context, sizes=tokenizer.sizes, identity=identity
        )
        return TokensInContext(found, clips, context) if watches(config) else found

    prediction = _prediction(config, tokenizer, **config.objective.to_dict())
    objective = _with_motion(config, workdir, prediction, tokenizer) if watches(config) else prediction
    return Job(
        **_common(config, objective),
        train_source=tokens("train"),
        val_source=tokens(GATE_SPLIT),
        flops_per_step=_prediction_flops(config, objective),
        tokens_per_clip=int(np.prod(prediction.model.grid)),
    )


def joint_job(config: ConfigDict, workdir: epath.Path) -> Job:
    """Training tokenizer, motion pathway and Transformer together, on clips."""
    require_gate(config, workdir)
    codec = tokenizer_config(config)
    tokenizer = load_tokenizer(codec, tokenizer_workdir(config, workdir))
    fields = config.objective.to_dict()
    weights = {name: fields.pop(name) for name in ("drawing_weight", "consistency_weight")}
    motion = _with_motion(config, workdir, _prediction(config, tokenizer, **fields), tokenizer)
    drawing = TokenizerObjective(tokenizer.module, _shape(config), **codec.objective.to_dict())
    objective = JointObjective(motion, drawing, tokenizer.variables, **weights)
    inner = pathway_config(config).model
    clip = jax.ShapeDtypeStruct((config.train.batch_size, *_shape(config), 3), jnp.float32)
    judged = jax.ShapeDtypeStruct((config.train.batch_size, inner.frames, inner.side, inner.side, 3), jnp.float32)
    twice = _forward_flops(tokenizer.module, clip) + _forward_flops(motion.pathway.network, judged)
    return Job(
        **_common(config, objective),
        train_source=open_split(config, "train"),
        val_source=open_split(config, GATE_SPLIT),
        batch_keys=TOKENIZER_FIELDS,
        flops_per_step=_prediction_flops(config, motion) + 3 * twice,
        tokens_per_clip=int(np.prod(motion.prediction.model.grid)),
    )


def classification_job(config: ConfigDict, workdir: epath.Path) -> Job:
    """Training a motion network on the labels of clips with one target."""
    del workdir
    objective, model = make_classification(config), config.model
    clip = jax.ShapeDtypeStruct((config.train.batch_size, model.frames, model.side, model.side, 3), jnp.float32)
    return Job(
        **_common(config, objective),
        train_source=open_split(config, "train"),
        val_source=open_split(config, GATE_SPLIT),
        batch_keys=("noisy", *LABELS),
        flops_per_step=3 * _forward_flops(objective.network, clip),
    )


JOBS = {
    "tokenizer": tokenizer_job,
    "predictor": prediction_job,
    "joint": joint_job,
    "classifier": classification_job,
}


def _shape(config: ConfigDict) -> tuple[int, int, int]:
    return config.data.frames, config.data.size, config.data.size


def _prediction(config: ConfigDict, tokenizer: Tokenizer, **fields: Any) -> PredictionObjective:
    context = 1 + (config.data.context_frames - 1) // tokenizer.module.stride[0]
    model = make_transformer(config, tokenizer.module)
    return PredictionObjective(model, context, codes=tokenizer.codebooks, **fields)


def _with_motion(
    config: ConfigDict, workdir: epath.Path, prediction: PredictionObjective, tokenizer: Tokenizer
) -> MotionObjective:
    pathway = make_pathway(config, tokenizer.module)
    shape = (config.data.context_frames, config.data.size, config.data.size)
    return MotionObjective(prediction, pathway, shape, network_start(config, workdir, pathway.network))


def _prediction_flops(config: ConfigDict, objective: PredictionObjective | MotionObjective) -> float:
    clips = config.train.batch_size
    if isinstance(objective, PredictionObjective):
        return train_flops(objective.model, clips=clips, first=objective.first)
    context = jax.ShapeDtypeStruct((clips, *objective.shape, 3), jnp.float32)
    return _prediction_flops(config, objective.prediction) + 3 * _forward_flops(objective.pathway, context)


def _common(config: ConfigDict, objective: Objective) -> dict[str, Any]:
    """What every training takes from a config in the same way."""
    train = config.train.to_dict()
    steps, batch_size, ema_decay, optimizer = (
        train.pop(name) for name in ("steps", "batch_size", "ema_decay", "optimizer")
    )
    rates = train.pop("rates", {})
    if optimizer not in optimizers.OPTIMIZERS:
        raise ValueError(f"config.train.optimizer {optimizer!r}: known are {', '.join(optimizers.OPTIMIZERS)}")
    return {
        "model": config.name,
        "init": objective.init,
        "loss": objective.loss,
        "validate": objective.validate,
        "optimizer": optimizers.with_rates(optimizers.OPTIMIZERS[optimizer](steps=steps, **train), rates),
        "steps": steps,
        "batch_size": batch_size,
        "ema_decay": ema_decay,
        "seed": config.seed,
        "mesh_shape": config.mesh.to_dict(),
        **config.logging.to_dict(),
    }


def _forward_flops(model: Any, clip: jax.ShapeDtypeStruct) -> float:
    """FLOPs of one forward pass over a batch, counted on the traced program."""
    variables = jax.eval_shape(model.init, jax.random.key(0), clip)
    return float(jax.jit(model.apply).lower(variables, clip).cost_analysis()["flops"])  # pyright: ignore


def _digest(tree: Any) -> str:
    """Hash of the names and bytes of a tree's arrays."""
    found = hashlib.blake2b(digest_size=8)
    for path, leaf in jax.tree.leaves_with_path(tree):
        found.update(json.dumps([jax.tree_util.keystr(path), str(leaf.dtype), leaf.shape]).encode())
        found.update(np.ascontiguousarray(leaf).tobytes())
    return found.hexdigest()
