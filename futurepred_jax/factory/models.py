"""Config to modules."""

from typing import Any

import jax
from ml_collections import ConfigDict

from futurepred_jax.models.magvit import MagVit
from futurepred_jax.models.quantizers import FSQ, VQ
from futurepred_jax.models.transformer import Transformer

QUANTIZERS = {"fsq": FSQ, "vq": VQ}


def make_magvit(config: ConfigDict) -> MagVit:
    """The tokenizer of a tokenizer's config.

    Raises:
        ValueError: for an unknown quantizer.
    """
    fields = _plain(config.model)
    quantizer = dict(fields.pop("quantizer"))
    name = quantizer.pop("name")
    if name not in QUANTIZERS:
        raise ValueError(f"config.model.quantizer.name {name!r}: known are {', '.join(QUANTIZERS)}")
    return MagVit(quantizer=QUANTIZERS[name](**quantizer), **fields)


def make_transformer(config: ConfigDict, tokenizer: MagVit) -> Transformer:
    """The Transformer of a predictor's config, over its tokenizer's grid and codebook."""
    side = config.data.size
    grid, quantizer = tokenizer.grid(config.data.frames, side, side), tokenizer.quantizer
    return Transformer(sizes=quantizer.sizes, code_dim=quantizer.code_dim, grid=grid, **_plain(config.model))


def forward_flops(model: Any, clips: jax.ShapeDtypeStruct) -> float:
    """FLOPs of one forward pass of a module over a batch, counted on the traced program."""
    variables = jax.eval_shape(model.init, jax.random.key(0), clips)
    return float(jax.jit(model.apply).lower(variables, clips).cost_analysis()["flops"])  # pyright: ignore


def _plain(section: ConfigDict) -> dict:
    """A section as keyword arguments, with tuples all the way down, so that modules stay hashable."""
    return {name: _tuples(value) for name, value in section.to_dict().items()}


def _tuples(value: object) -> object:
    if isinstance(value, dict):
        return {name: _tuples(inner) for name, inner in value.items()}
    return tuple(map(_tuples, value)) if isinstance(value, list | tuple) else value
