"""Training a predictor together with the motion pathways that its Transformer attends to."""

import dataclasses
from collections.abc import Mapping

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from futurepred_jax.arrays import Frames, Key
from futurepred_jax.models.crossing import Memory, gates
from futurepred_jax.models.pathway import Pathways
from futurepred_jax.models.transformer import Conditioning
from futurepred_jax.objectives.chunks import require_one_turn
from futurepred_jax.objectives.loss import Loss
from futurepred_jax.objectives.prediction import PredictionObjective, flat
from futurepred_jax.pixels import to_signed


@dataclasses.dataclass(frozen=True)
class MotionObjective:
    """The objective of prediction, which trains the Transformer and the motion pathways.

    Batches have ``tokens``, as for ``PredictionObjective``, and the noisy frames of the context, ``context``, uint8
    [b t h w 3]. The parameters have the parts ``transformer`` and ``pathways``. The pathways' BatchNorm statistics are
    the model state ``pathways``.

    Attributes:
        prediction: The objective of prediction.
        pathways: The pathways' module.
        context_shape: Frames, height and width of a context.
        starts: Variables that the networks start from, parameters and statistics, by the pathway's name; other networks
            start from random ones.
    """

    prediction: PredictionObjective
    pathways: Pathways
    context_shape: tuple[int, int, int]
    starts: Mapping[str, PyTree] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        require_one_turn(self.prediction.accumulate)

    def init(self, key: Key) -> tuple[PyTree, PyTree]:
        """Returns parameters and model state; the Transformer starts as it does without pathways."""
        video = jnp.zeros((1, *self.context_shape, 3))
        memory, variables = self.pathways.init_with_output(jax.random.fold_in(key, 1), video)
        state = with_networks(variables, self.starts)
        params, guess_state = self.prediction.init(key, memory)
        return {"transformer": params, "pathways": state.pop("params")}, {**guess_state, "pathways": state}

    def loss(self, params: PyTree, model_state: PyTree, batch: PyTree, *, key: Key, step: Array) -> Loss:
        """Returns the objective on a batch, with updated statistics."""
        del step
        memory, state = self.watch(params, model_state, batch["context"])
        value, metrics, _ = self.likelihood(params["transformer"], model_state, batch, memory, key=key)
        return Loss(value, {**model_state, "pathways": state}, {**metrics, **gates(params["transformer"])})

    def validate(self, params: PyTree, model_state: PyTree, batch: PyTree) -> dict[str, Array]:
        """Returns held-out scores of the future, with the running BatchNorm statistics."""
        variables = {"params": params["pathways"], **model_state["pathways"]}
        memory = self.pathways.apply(variables, to_signed(batch["context"]))
        return self.prediction.held_out(params["transformer"], model_state, batch, memory=memory)  # pyright: ignore

    def likelihood(
        self, params: PyTree, model_state: PyTree, batch: PyTree, memory: Memory, *, key: Key
    ) -> tuple[Float[Array, ""], dict[str, Array], Float[Array, "b future g v"]]:
        """Returns the objective of prediction on a batch, scalars to log, and the logits of the future.

        Args:
            params: Parameters of the Transformer.
            model_state: Model state, with the outlook's variables.
            batch: A batch, as for ``loss``.
            memory: Features of the motion pathways.
            key: Random key of corrupted and self-sampled tokens.
        """
        prediction, tokens = self.prediction, flat(batch["tokens"])
        conditioning = Conditioning(memory, prediction.guess(model_state, batch["context"]))
        keys = prediction.row_keys(key, len(tokens))
        seen = prediction.self_sample(params, prediction.corrupt(tokens, key), keys, conditioning)
        logits = prediction.logits(params, seen, conditioning)
        value, metrics = prediction.reduced(prediction.scores(logits, tokens))
        _, lh, lw = prediction.model.grid
        return value, metrics, logits[:, prediction.context_latents * lh * lw - prediction.first :]

    def watch(self, params: PyTree, model_state: PyTree, context: Frames) -> tuple[Memory, PyTree]:
        """Returns the pathways' features in training mode, and their updated statistics."""
        state = model_state["pathways"]
        variables = {"params": params["pathways"], **state}
        memory, state = self.pathways.apply(variables, to_signed(context), train=True, mutable=list(state))  # pyright: ignore
        return memory, dict(state)


def with_networks(variables: PyTree, networks: Mapping[str, PyTree]) -> dict:
    """Replaces the variables of some pathways' networks.

    Args:
        variables: Variables of ``Pathways``.
        networks: Variables of networks, by the pathway's name.
    """
    return {
        kind: {**found, **{name: {**found[name], "network": network[kind]} for name, network in networks.items()}}
        for kind, found in variables.items()
    }
