"""Config to modules."""

import functools

import jax
import jax.numpy as jnp
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


@functools.cache
def clip_flops(tokenizer: MagVit, frames: int, side: int) -> float:
    """FLOPs of one forward pass over one clip, counted on the traced program."""
    clip = jax.ShapeDtypeStruct((1, frames, side, side, 3), jnp.float32)
    variables = jax.eval_shape(tokenizer.init, jax.random.key(0), clip)
    return float(jax.jit(tokenizer.apply).lower(variables, clip).cost_analysis()["flops"])  # pyright: ignore


def _plain(section: ConfigDict) -> dict:
    """A section as keyword arguments, with tuples all the way down, so that modules stay hashable."""
    return {name: _tuples(value) for name, value in section.to_dict().items()}


def _tuples(value: object) -> object:
    if isinstance(value, dict):
        return {name: _tuples(inner) for name, inner in value.items()}
    return tuple(map(_tuples, value)) if isinstance(value, list | tuple) else value
