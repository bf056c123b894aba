"""Config to what its trained model is asked for, as a function and the shapes that it is asked with."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import PyTree
from ml_collections import ConfigDict

from futurepred_jax.factory.loading import sampling
from futurepred_jax.factory.models import clip_flops, make_magvit, make_transformer
from futurepred_jax.factory.tokenizers import tokenizer_config
from futurepred_jax.models.magvit import MagVit
from futurepred_jax.models.predictor import Predictor, Tokenizer
from futurepred_jax.models.transformer import train_flops


@dataclasses.dataclass(frozen=True)
class Inference:
    """A model at work on a batch of ``config.evaluation.batch_size`` clips.

    Attributes:
        name: of what it does.
        function: pure, of the weights and the batch.
        parameters: the weights' shapes.
        batch: the shapes of all other arguments.
        flops: analytic, of one call.
    """

    name: str
    function: Callable[..., PyTree]
    parameters: PyTree
    batch: tuple[PyTree, ...]
    flops: float


def outline_inference(config: ConfigDict) -> Inference:
    """What evaluation and prediction ask of a config's model; it needs no trained weights."""
    return INFERENCES[config.kind](config)


def reconstruction(config: ConfigDict) -> Inference:
    """A tokenizer's: clips to tokens and back."""
    module, clips = make_magvit(config), _clips(config, config.data.frames)

    def reconstruct(variables: PyTree, video: jax.Array) -> jax.Array:
        return Tokenizer(module, variables).reconstruct(video)

    one = clip_flops(module, config.data.frames, config.data.size)  # pyright: ignore[reportArgumentType]
    return Inference(
        "reconstruction", reconstruct, _variables(module, clips), (clips,), config.evaluation.batch_size * one
    )


def prediction(config: ConfigDict) -> Inference:
    """A predictor's: the context to tokens, the decoding loop, and the future drawn."""
    module, data = make_magvit(tokenizer_config(config)), config.data
    transformer = make_transformer(config, module)
    context = _clips(config, data.context_frames)

    def predict(weights: PyTree, context: jax.Array, key: jax.Array) -> Any:
        predictor = Predictor(Tokenizer(module, weights["tokenizer"]), transformer, weights["transformer"])
        future = data.frames - data.context_frames
        return predictor.predict(context, num_frames=future, key=key, sampling=sampling(config))

    lt, lh, lw = transformer.grid
    tokens = jax.ShapeDtypeStruct((1, lt * lh * lw, len(transformer.sizes)), jnp.int32)
    key = jax.eval_shape(jax.random.key, 0)
    params = jax.eval_shape(transformer.init, key, tokens)["params"]
    past = module.grid(data.context_frames, data.size, data.size)[0] * lh * lw
    one = clip_flops(module, data.frames, data.size)  # pyright: ignore[reportArgumentType]
    one += train_flops(transformer, clips=1, first=past) / 3
    weights = {"tokenizer": _variables(module, context), "transformer": params}
    return Inference("prediction", predict, weights, (context, key), config.evaluation.batch_size * one)


INFERENCES = {"tokenizer": reconstruction, "predictor": prediction}


def _clips(config: ConfigDict, frames: int) -> jax.ShapeDtypeStruct:
    side = config.data.size
    return jax.ShapeDtypeStruct((config.evaluation.batch_size, frames, side, side, 3), jnp.float32)


def _variables(module: MagVit, clips: jax.ShapeDtypeStruct) -> PyTree:
    return jax.eval_shape(module.init, jax.random.key(0), clips)
