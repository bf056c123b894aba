"""The configuration reference: every field of every config, its value in each preset, and what it means."""

import functools
import importlib
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from ml_collections import ConfigDict

from futurepred_jax.configs import NAMES, shared
from futurepred_jax.data.spec import ClutterSpec
from futurepred_jax.models.magvit import MagVit
from futurepred_jax.models.outlook import Outlook
from futurepred_jax.models.quantizers import VQ
from futurepred_jax.models.resnet3d import ResNet3D
from futurepred_jax.models.sampling import Sampling
from futurepred_jax.models.slowfast import SlowFast
from futurepred_jax.models.transformer import Transformer
from futurepred_jax.objectives.classification import ClassificationObjective
from futurepred_jax.objectives.joint import JointObjective
from futurepred_jax.objectives.prediction import PredictionObjective
from futurepred_jax.objectives.tokenizer import TokenizerObjective
from futurepred_jax.training import optimizers
from futurepred_jax.training.job import Job
from reference.descriptions import comments, entries

BASES = {
    "baseline": "tokenizer",
    "outlook": "baseline",
    "joint_i3d": "baseline",
    "slowfast": "baseline",
    "both_pathways": "slowfast",
    "classification": "tokenizer",
    "image_tokenizer": "tokenizer",
}
"""The config whose fields a config has too; what is the same there is not repeated."""

TAKEN_BY: dict[str, tuple[Any, ...]] = {
    "data": (ClutterSpec,),
    "train": (optimizers.muon, optimizers.adamw, Job),
    "logging": (Job,),
    "sampling": (Sampling,),
    "model.quantizer": (VQ,),
}
"""What the fields of a section are handed to, in any config."""

TAKEN_IN: dict[str, dict[str, tuple[Any, ...]]] = {
    "tokenizer": {"model": (MagVit,), "objective": (TokenizerObjective,)},
    "predictor": {"model": (Transformer,), "objective": (PredictionObjective,)},
    "joint": {"model": (Transformer,), "objective": (JointObjective, PredictionObjective)},
    "outlook": {"model": (Outlook,)},
    "classifier": {"model": (SlowFast, ResNet3D), "objective": (ClassificationObjective,)},
}
"""And in the configs of a kind."""

PLAIN = {
    "name": "of the config; the default workdir is `runs/NAME-PRESET`",
    "kind": "what is trained: a key of `factory.jobs.JOBS`",
    "preset": "its size, the word after the colon of `--config=NAME:PRESET`",
    "seed": "of parameters, batches and all that is random in training",
    "gate.foreground_psnr": "dB that the tokenizer's reconstructions of val_iid must reach before a predictor trains",
    "gate.recall": "share of the objects that must be found in them",
    "recorded_gate": "of recorded videos instead: dB of PSNR above the mean frame",
    "mirrored": "of recorded clips: whether what is trained on their tokens learns from their mirror images, too",
    "tokenizer.config": "of the tokenizer that makes the tokens",
    "tokenizer.workdir": "where that is; by default `tokenizer-PRESET` beside the predictor's own workdir",
    "outlook.config": "of what makes the first guess of the future",
    "outlook.workdir": "where that is; by default `outlook-PRESET` beside the predictor's own workdir",
    "pathways.NAME.config": "of the motion network",
    "pathways.NAME.endpoints": "features that the Transformer sees, by the network's names",
    "pathways.NAME.init": "what the network starts from: pretrained, published or random",
    "pathways.NAME.weights": "with published: the `.npz` that `futurepred_jax.weights.convert` wrote",
    "pathways.NAME.workdir": "with pretrained: where; by default `classification-NETWORK-PRESET` beside its own",
    "data.context_frames": "frames that a predictor sees, 1 + a multiple of the tokenizer's stride in time",
    "data.train_clips": "of the training split",
    "evaluation.clips": "of each split that is scored, the first ones",
    "evaluation.sampled_clips": "of which several futures are drawn",
    "evaluation.batch_size": "clips at once, on one device",
    "predictions.clips": "of which `--mode=predict` writes the futures: some drawn at random, the best and the worst",
    "predictions.seed": "of the choice",
    "storage.clips": "folder of clips that are drawn or cut once and then read",
    "mesh.data": "devices over which a batch is split; -1: all that remain",
    "mesh.fsdp": "devices over which batch, parameters and optimizer state are split",
    "mesh.tensor": "devices over which the channels of a layer are split",
    "logging.log_every": "steps between lines of `metrics.jsonl`",
    "logging.validate_every": "steps between validations",
    "logging.checkpoint_every": "steps between checkpoints",
    "logging.val_batches": "held-out batches of a validation",
    "train.steps": "updates in all, warm-up included",
    "train.batch_size": "clips a step, of all devices together",
    "train.optimizer": "a key of `training.optimizers.OPTIMIZERS`",
    "train.accumulate": "turns in which a batch goes through the model, to save memory; the gradients are the whole's",
    "train.on_nan": 'a step whose loss is not finite or exploded ends the training ("stop") or is left out ("skip")',
    "train.ema_decay": "of the averaged parameters that are evaluated; 0: no average is kept",
    "train.rates": "share of the learning rate that a part trains at, by the path of its module",
    "replay.step": "of `--mode=replay`, as `--step`",
    "compare.workdirs": "of `--mode=compare`, as `--workdirs`",
    "realism.perceptual": "whose features LPIPS compares: vgg or alex",
    "realism.perceptual_weight": "of LPIPS in the tokenizer's loss; 0 needs no published weights",
    "realism.adversarial_weight": "of what the discriminator says of a drawing",
    "realism.r1_weight": "of the gradient penalty on true clips",
    "realism.lecam_weight": "of the penalty on logits far from their running means",
    "realism.start": "step from which the discriminator takes part",
    "realism.filters": "channels of the discriminator's first convolution",
    "realism.multipliers": "of them in each of its blocks, which halve a clip's sides",
    "compile.topology": "of `--mode=compile`, as `--topology`",
    "init.image": "workdir of an `image_tokenizer` to start from, inflated; empty: weights at random",
    "model.name": "of the motion network, i3d or slowfast; of the tokenizer, magvit, image_magvit or magvit_v1",
    "model.frames": "to which clips are brought for the network",
    "model.side": "pixels, likewise",
    "model.quantizer.name": "vq, fsq or lfq",
    "model.quantizer.codebook_size": "codes of each digit",
    "model.quantizer.dim": "channels of a latent",
    "model.quantizer.groups": "digits of a token, each with a codebook of its own",
}
"""Of fields of which the code says nothing, or of a section whose keys are free."""


PATHWAY = re.compile(r"^pathways\.\w+")


class Field(NamedTuple):
    """A field of a config, with its value in each preset that has it."""

    path: str
    values: Mapping[str, Any]
    meaning: str


@functools.cache
def fields(name: str) -> list[Field]:
    """All fields of a config; of a config inside it there is one row."""
    presets = {preset: flattened(_get(name, preset)) for preset in shared.PRESETS}
    paths = sorted({path for flat in presets.values() for path in flat}, key=lambda path: ("." in path, path))
    kind = _get(name, "tiny").kind
    return [
        Field(path, {preset: flat[path] for preset, flat in presets.items() if path in flat}, meaning(name, kind, path))
        for path in paths
    ]


def flattened(config: ConfigDict, prefix: str = "") -> dict[str, Any]:
    """Values by their path; a config inside stands for itself, by its name."""
    flat: dict[str, Any] = {}
    for key, value in config.items():
        path = f"{prefix}{key}"
        if isinstance(value, ConfigDict) and value.get("kind") is not None:
            flat[path] = f"config:{value.name.partition('-')[0]}"
        elif isinstance(value, ConfigDict):
            flat |= flattened(value, f"{path}.")
        else:
            flat[path] = value
    return flat


def meaning(name: str, kind: str, path: str) -> str:
    """The comment behind a field in its config or those that it builds on, or what takes it says of it; or nothing."""
    path = known_as(path)
    section, _, key = path.rpartition(".")
    takers = (*TAKEN_IN.get(kind, {}).get(section, ()), *TAKEN_BY.get(section, ()))
    documented = [said[key] for said in map(entries, takers) if key in said]
    commented = _comments(name, section, key)
    plain = [PLAIN[known] for known in (path, section) if known in PLAIN]
    return next(iter([*documented, *commented, *plain]), "").rstrip(".")


def known_as(path: str) -> str:
    """The path of a field by which it is spoken of, whichever pathway it is about."""
    return PATHWAY.sub("pathways.NAME", path)


def _comments(name: str, section: str, key: str) -> list[str]:
    """Those behind a key in a config and what it builds on: in the function of the section's name, or in none."""
    lineage = [name]
    while lineage[-1] in BASES:
        lineage.append(BASES[lineage[-1]])
    known = [comments(f"futurepred_jax.configs.{config}") for config in (*lineage, "shared")]
    places = [(function, key) for function in (section, "get_config", "")]
    return [found[place] for found in known for place in places if place in found]


@functools.cache
def page() -> str:
    """The reference as Markdown."""
    return "\n\n".join(_section(name) for name in ("tokenizer", *[name for name in NAMES if name != "tokenizer"]))


def _section(name: str) -> str:
    base = {field.path: field for field in fields(BASES[name])} if name in BASES else {}
    own = [field for field in fields(name) if field.path not in base or base[field.path] != field]
    gone = sorted(base.keys() - {field.path for field in fields(name)})
    said = [f"## {name}", (_module(name).__doc__ or "").split("\n")[0]]
    if base:
        said.append(f"All fields of [{BASES[name]}](#{BASES[name]}) as they are there, but these:")
    said.append("| field | default | meaning |\n| --- | --- | --- |\n" + "\n".join(_row(field) for field in own))
    if gone:
        said.append(f"It has no {', '.join(f'`{path}`' for path in gone)}.")
    return "\n\n".join(said)


def _row(field: Field) -> str:
    by_value: dict[str, list[str]] = {}
    for preset, value in field.values.items():
        by_value.setdefault(_shown(value), []).append(preset)
    if len(by_value) == 1 and len(field.values) == len(shared.PRESETS):
        default = next(iter(by_value))
    else:
        default = "<br>".join(f"{', '.join(presets)}: {value}" for value, presets in by_value.items())
        default += "<br>else not set" if len(field.values) < len(shared.PRESETS) else ""
    return f"| `{field.path}` | {default} | {field.meaning.replace('|', '¦')} |"


def _shown(value: Any) -> str:
    if isinstance(value, str) and value.startswith("config:"):
        name = value.removeprefix("config:")
        return f"those of [{name}](#{name})" if name in NAMES else name
    return f"`{value!r}`".replace("|", "¦")


def _get(name: str, preset: str) -> ConfigDict:
    return _module(name).get_config(preset)


def _module(name: str) -> Any:
    return importlib.import_module(f"futurepred_jax.configs.{name}")
