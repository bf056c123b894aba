"""Config to a training: source, objective, optimizer and numbers, as one ``Job``."""

import hashlib
import json
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from etils import epath
from ml_collections import ConfigDict

from futurepred_jax.data.pipeline import ArraySource, Clips
from futurepred_jax.data.tokens import cached_tokens
from futurepred_jax.factory.data import open_split
from futurepred_jax.factory.loading import load_tokenizer
from futurepred_jax.factory.models import make_magvit, make_transformer
from futurepred_jax.factory.tokenizers import GATE_SPLIT, require_gate, tokenizer_config, tokenizer_workdir
from futurepred_jax.models.transformer import train_flops
from futurepred_jax.objectives.prediction import PredictionObjective
from futurepred_jax.objectives.tokenizer import TokenizerObjective, to_signed
from futurepred_jax.training import optimizers
from futurepred_jax.training.job import Job

TOKENIZER_FIELDS = ("noisy", "video", "instance")
RECORDED_FIELDS = ("noisy", "video")
UNKNOWN = "no objects are known in {source}: every pixel weighs the same, objective.foreground_weight has no effect"

# XLA's CPU backend ran convolutions with their gradients 1.4 to 3.8 times faster with this, and matrix products slower.
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
    model, data = make_magvit(config), config.data
    objective = TokenizerObjective(model, (data.frames, data.size, data.size), **config.objective.to_dict())
    clip = jax.ShapeDtypeStruct((config.train.batch_size, *objective.shape, 3), jnp.float32)
    on_cpu = jax.default_backend() == "cpu"
    train, held_out = open_split(config, "train"), open_split(config, GATE_SPLIT)
    if train.spec is None:
        print(UNKNOWN.format(source=data.source))
    return Job(
        **_common(config, objective, held_out),
        train_source=train,
        val_source=held_out,
        batch_keys=TOKENIZER_FIELDS if train.spec else RECORDED_FIELDS,
        flops_per_step=3 * _forward_flops(model, clip),
        compiler_options=CPU_CONVOLUTIONS if on_cpu else {},
    )


def prediction_job(config: ConfigDict, workdir: epath.Path) -> Job:
    """Training a Transformer on the tokens of a frozen tokenizer."""
    require_gate(config, workdir)
    tokenizer = load_tokenizer(tokenizer_config(config), tokenizer_workdir(config, workdir))
    identity = _digest(tokenizer.variables)

    def encode(video: np.ndarray) -> np.ndarray:
        return np.asarray(tokenizer.tokenize(to_signed(jnp.asarray(video))))

    def tokens(clips: Clips) -> ArraySource:
        return cached_tokens(
            clips,
            encode,
            workdir / "tokens",
            context=config.data.context_frames,
            sizes=tokenizer.sizes,
            identity=identity,
        )

    model = make_transformer(config, tokenizer.module)
    latent_context = 1 + (config.data.context_frames - 1) // tokenizer.module.stride[0]
    objective = PredictionObjective(model, latent_context, codes=tokenizer.codebooks, **config.objective.to_dict())
    held_out = open_split(config, GATE_SPLIT)
    return Job(
        **_common(config, objective, held_out),
        train_source=tokens(open_split(config, "train")),
        val_source=tokens(held_out),
        flops_per_step=train_flops(model, clips=config.train.batch_size, first=objective.first),
        tokens_per_clip=int(np.prod(model.grid)),
    )


JOBS = {"tokenizer": tokenizer_job, "predictor": prediction_job}


def _common(config: ConfigDict, objective: TokenizerObjective | PredictionObjective, held_out: Clips) -> dict[str, Any]:
    """What every training takes from a config in the same way."""
    train = config.train.to_dict()
    steps, batch_size, ema_decay, optimizer = (
        train.pop(name) for name in ("steps", "batch_size", "ema_decay", "optimizer")
    )
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
        "ema_decay": ema_decay,
        "seed": config.seed,
        "mesh_shape": config.mesh.to_dict(),
        **config.logging.to_dict(),
        "val_batches": _val_batches(config, held_out),
    }


def _val_batches(config: ConfigDict, held_out: Clips) -> int:
    """As many as the config says; of recorded videos there are as many as there are, and at most all are used."""
    if held_out.spec:
        return config.logging.val_batches
    there_are, batch_size = len(held_out), config.train.batch_size
    if there_are < batch_size:
        raise ValueError(
            f"{held_out.split} has {there_are} clips, and a batch takes {batch_size}: give more videos, raise "
            "config.data.held_out, or lower config.train.batch_size"
        )
    return min(config.logging.val_batches, there_are // batch_size)


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
