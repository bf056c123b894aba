"""Config to what its trained model is asked for, as a function and the shapes that it is asked with."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import PyTree
from ml_collections import ConfigDict

from futurepred_jax.factory.data import has_pathways
from futurepred_jax.factory.loading import assemble_predictor, sampling
from futurepred_jax.factory.models import (
    clip_flops,
    make_classification,
    make_magvit,
    make_outlook,
    make_pathways,
    make_transformer,
)
from futurepred_jax.factory.outlooks import outlook_config
from futurepred_jax.factory.tokenizers import tokenizer_config
from futurepred_jax.models.magvit import MagVit
from futurepred_jax.models.parts import TokenizerModel
from futurepred_jax.models.transformer import Conditioning, train_flops


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


def abstract_inference(config: ConfigDict) -> Inference:
    """What evaluation and prediction ask of a config's model; it needs no trained weights."""
    return INFERENCES[config.kind](config)


def reconstruction(config: ConfigDict) -> Inference:
    """A tokenizer's: clips to tokens and back."""
    module, clips = make_magvit(config), _clips(config, config.data.frames)

    def reconstruct(variables: PyTree, video: jax.Array) -> jax.Array:
        return TokenizerModel(module, variables).reconstruct(video)

    one = clip_flops(module, config.data.frames, config.data.size)
    return Inference(
        "reconstruction", reconstruct, _variables(module, clips), (clips,), config.evaluation.batch_size * one
    )


def prediction(config: ConfigDict) -> Inference:
    """A predictor's: the context to tokens, the decoding loop with what pathways saw, and the future drawn."""
    module, data = make_magvit(tokenizer_config(config)), config.data
    transformer, key = make_transformer(config, module), jax.eval_shape(jax.random.key, 0)
    pathways = make_pathways(config, module) if has_pathways(config) else None
    context, one = _clips(config, data.context_frames), clip_flops(module, data.frames, data.size)
    weights, memory = {"tokenizer": _variables(module, context)}, None
    if pathways is not None:
        memory, weights["pathways"] = jax.eval_shape(pathways.init_with_output, key, context)
        one += clip_flops(pathways, data.context_frames, data.size)
    lt, lh, lw = transformer.grid
    tokens = jax.ShapeDtypeStruct((config.evaluation.batch_size, lt * lh * lw, len(transformer.sizes)), jnp.int32)
    outlook = make_outlook(outlook_config(config), module)
    weights["outlook"] = jax.eval_shape(outlook.init, key, context)

    def init(key: jax.Array, tokens: jax.Array, context: jax.Array, memory: PyTree) -> PyTree:
        guess: Any = outlook.init_with_output(key, context)[0]
        return transformer.init(key, tokens, Conditioning(memory, guess))["params"]

    weights["transformer"] = jax.eval_shape(init, key, tokens, context, memory)
    context_tokens = transformer.context_latents * lh * lw
    one += train_flops(transformer, clips=1, first=context_tokens) / 3 + outlook.flops(clips=1)

    def predict(weights: PyTree, context: jax.Array, key: jax.Array) -> Any:
        future = data.frames - data.context_frames
        return assemble_predictor(config, weights).predict(
            context, num_frames=future, key=key, sampling=sampling(config)
        )

    return Inference("prediction", predict, weights, (context, key), config.evaluation.batch_size * one)


def first_guess(config: ConfigDict) -> Inference:
    """An outlook's: the frames of contexts to the codes that are expected after them."""
    outlook = make_outlook(config, make_magvit(tokenizer_config(config)))
    context = _clips(config, config.data.context_frames)
    variables = jax.eval_shape(outlook.init, jax.random.key(0), context)
    flops = outlook.flops(clips=config.evaluation.batch_size)
    return Inference("first guess", outlook.apply, variables, (context,), flops)


def classification(config: ConfigDict) -> Inference:
    """A classifier's: what is seen of clips to the logits of their labels."""
    objective, clips = make_classification(config), _clips(config, config.data.context_frames, jnp.uint8)
    params, state = jax.eval_shape(objective.init, jax.random.key(0))

    def classify(weights: PyTree, noisy: jax.Array) -> PyTree:
        params, state = weights
        return objective.split(objective.logits(params, state, noisy))

    flops = config.evaluation.batch_size * clip_flops(objective.network, config.model.frames, config.model.side)
    return Inference("classification", classify, (params, state), (clips,), flops)


INFERENCES = {
    "tokenizer": reconstruction,
    "outlook": first_guess,
    "predictor": prediction,
    "joint": prediction,
    "classifier": classification,
}


def _clips(config: ConfigDict, frames: int, dtype: Any = jnp.float32) -> jax.ShapeDtypeStruct:
    side = config.data.size
    return jax.ShapeDtypeStruct((config.evaluation.batch_size, frames, side, side, 3), dtype)


def _variables(module: MagVit, clips: jax.ShapeDtypeStruct) -> PyTree:
    return jax.eval_shape(module.init, jax.random.key(0), clips)
