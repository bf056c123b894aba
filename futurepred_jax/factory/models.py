"""Config to modules."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from ml_collections import ConfigDict

from futurepred_jax.factory.data import LABELS
from futurepred_jax.factory.fields import made_of
from futurepred_jax.models.i3d import I3D
from futurepred_jax.models.image_magvit import ImageMagVit
from futurepred_jax.models.lfq import LFQ
from futurepred_jax.models.magvit import MagVit
from futurepred_jax.models.magvit_v1 import MagVitV1
from futurepred_jax.models.outlook import Outlook
from futurepred_jax.models.pathway import Pathway, Pathways
from futurepred_jax.models.quantizers import FSQ, VQ
from futurepred_jax.models.slowfast import SlowFast
from futurepred_jax.models.transformer import Transformer
from futurepred_jax.objectives.classification import ClassificationObjective

QUANTIZERS = {"fsq": FSQ, "lfq": LFQ, "vq": VQ}
TOKENIZERS = {"magvit": MagVit, "image_magvit": ImageMagVit, "magvit_v1": MagVitV1}
NETWORKS = {"i3d": I3D, "slowfast": SlowFast}


def make_magvit(config: ConfigDict) -> MagVit:
    """The tokenizer of a tokenizer's config, by default a causal MagVit.

    Raises:
        ValueError: for an unknown tokenizer or quantizer, or other fields than it takes.
    """
    fields = _plain(config.model)
    architecture, quantizer = fields.pop("name", "magvit"), dict(fields.pop("quantizer"))
    name = quantizer.pop("name")
    if name not in QUANTIZERS:
        raise ValueError(f"config.model.quantizer.name {name!r}: known are {', '.join(QUANTIZERS)}")
    if architecture not in TOKENIZERS:
        raise ValueError(f"config.model.name {architecture!r}: known are {', '.join(TOKENIZERS)}")
    made = made_of(QUANTIZERS[name], "config.model.quantizer", quantizer)
    return made_of(TOKENIZERS[architecture], "config.model", fields, quantizer=made)


def make_transformer(config: ConfigDict, tokenizer: MagVit) -> Transformer:
    """The Transformer of a predictor's config, over its tokenizer's grid and codebook."""
    return Transformer(**_tokens(config, tokenizer), **_plain(config.model))


def make_outlook(config: ConfigDict, tokenizer: MagVit) -> Outlook:
    """What makes the first guess, of its own config, over its tokenizer's grid and codebook."""
    return Outlook(**_tokens(config, tokenizer), stride=tokenizer.stride, **_plain(config.model))


def clip_flops(module: nn.Module, frames: int, side: int) -> float:
    """FLOPs of one forward pass of a module that takes clips over one of them, counted on the traced program."""
    return _flops(module, (1, frames, side, side, 3))  # pyright: ignore[reportArgumentType]


def frame_flops(module: nn.Module, side: int) -> float:
    """The same of a module that takes frames over one of them."""
    return _flops(module, (1, side, side, 3))  # pyright: ignore[reportArgumentType]


@functools.cache
def _flops(module: nn.Module, shape: tuple[int, ...]) -> float:
    clip = jax.ShapeDtypeStruct(shape, jnp.float32)
    variables = jax.eval_shape(module.init, jax.random.key(0), clip)
    return float(jax.jit(module.apply).lower(variables, clip).cost_analysis()["flops"])  # pyright: ignore


def make_network(config: ConfigDict, num_classes: int | None = None) -> I3D | SlowFast:
    """The motion network of a classifier's config, by default without its head.

    Raises:
        ValueError: for an unknown network.
    """
    fields = _plain(config.model)
    name = fields.pop("name")
    if name not in NETWORKS:
        raise ValueError(f"config.model.name {name!r}: known are {', '.join(NETWORKS)}")
    del fields["frames"], fields["side"]
    return NETWORKS[name](num_classes=num_classes, **fields)


def make_classification(config: ConfigDict) -> ClassificationObjective:
    """The objective of a classifier's config, with its network and head."""
    data, model = config.data, config.model
    return ClassificationObjective(
        make_network(config, num_classes=sum(LABELS.values())),
        labels=LABELS,
        context_shape=(data.context_frames, data.size, data.size),
        frames=model.frames,
        side=model.side,
        **config.objective.to_dict(),
    )


def make_pathways(config: ConfigDict, tokenizer: MagVit) -> Pathways:
    """The motion pathways of a predictor's config, their places in the tokenizer's units."""
    made = {name: _pathway(section, config.model.width, tokenizer) for name, section in config.pathways.items()}
    return Pathways(i3d=made.get("i3d"), slowfast=made.get("slowfast"))


def _pathway(section: ConfigDict, width: int, tokenizer: MagVit) -> Pathway:
    return Pathway(
        network=make_network(section.config),
        endpoints=tuple(section.endpoints),
        width=width,
        stride=tokenizer.stride,
        frames=section.config.model.frames,
        side=section.config.model.side,
    )


def _tokens(config: ConfigDict, tokenizer: MagVit) -> dict:
    """What a model knows of the tokens that it works on, and which of them are the context's."""
    data, quantizer = config.data, tokenizer.quantizer
    grid, (context_latents, *_) = (
        tokenizer.grid(frames, data.size, data.size) for frames in (data.frames, data.context_frames)
    )
    return {"sizes": quantizer.sizes, "code_dim": quantizer.code_dim, "grid": grid, "context_latents": context_latents}


def _plain(section: ConfigDict) -> dict:
    """A section as keyword arguments, with tuples all the way down, so that modules stay hashable."""
    return {name: tuples(value) for name, value in section.to_dict().items()}


def tuples(value: Any) -> Any:
    """Lists as tuples, all the way down, as JSON does not tell them apart."""
    if isinstance(value, dict):
        return {name: tuples(inner) for name, inner in value.items()}
    return tuple(map(tuples, value)) if isinstance(value, list | tuple) else value
