"""Training a predictor whose Transformer sees what motion pathways make of the context."""

import dataclasses
from collections.abc import Mapping

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from futurepred_jax.arrays import Frames, Key
from futurepred_jax.models.crossing import Memory, gates
from futurepred_jax.models.pathway import Pathways
from futurepred_jax.objectives.chunks import require_one_turn
from futurepred_jax.objectives.loss import Loss
from futurepred_jax.objectives.prediction import PredictionObjective, flat
from futurepred_jax.pixels import to_signed


@dataclasses.dataclass(frozen=True)
class MotionObjective:
    """The likelihood of the future, with the pathways trained along; their statistics of BatchNorm are model state.

    Batches have ``tokens`` as ``PredictionObjective`` wants them, and ``context``, the noisy context frames, uint8
    [b past h w 3]. Parameters and state have the parts ``transformer`` and ``pathways``.

    Attributes:
        prediction: of tokens.
        pathways: the module.
        shape: of a context, (past, h, w).
        starts: by the pathway's name, its network's variables at the start, ``params`` and statistics; a network that
            is not named starts from random ones.
    """

    prediction: PredictionObjective
    pathways: Pathways
    shape: tuple[int, int, int]
    starts: Mapping[str, PyTree] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        require_one_turn(self.prediction.accumulate)

    def init(self, key: Key) -> tuple[PyTree, PyTree]:
        """Parameters, of the Transformer the very ones that it has without a pathway, and statistics."""
        video = jnp.zeros((1, *self.shape, 3))
        memory, variables = self.pathways.init_with_output(jax.random.fold_in(key, 1), video)
        state = with_networks(variables, self.starts)
        params, foresight = self.prediction.init(key, memory)
        return {"transformer": params, "pathways": state.pop("params")}, {**foresight, "pathways": state}

    def loss(self, params: PyTree, model_state: PyTree, batch: PyTree, *, key: Key, step: Array) -> Loss:
        """The objective on a batch, with the statistics' update."""
        del step
        memory, state = self.watch(params, model_state, batch["context"])
        value, metrics, _ = self.likelihood(params["transformer"], model_state, batch, memory, key=key)
        return Loss(value, {**model_state, "pathways": state}, {**metrics, **gates(params["transformer"])})

    def validate(self, params: PyTree, model_state: PyTree, batch: PyTree) -> dict[str, Array]:
        """Held-out likelihood of the future, by the statistics of training."""
        variables = {"params": params["pathways"], **model_state["pathways"]}
        memory = self.pathways.apply(variables, to_signed(batch["context"]))
        return self.prediction.held_out(params["transformer"], model_state, batch, memory=memory)  # pyright: ignore

    def likelihood(
        self, params: PyTree, model_state: PyTree, batch: PyTree, memory: Memory, *, key: Key
    ) -> tuple[Float[Array, ""], dict[str, Array], Float[Array, "b future g v"]]:
        """The prediction's objective on a batch, scalars to log, and the logits of the future.

        Args:
            params: Of the Transformer.
            model_state: With what makes the first guess.
            batch: Of whole clips.
            memory: What the pathways saw of the contexts.
            key: Of the corruption and of the model's own draws.
        """
        prediction, tokens = self.prediction, flat(batch["tokens"])
        guess, keys = prediction.guess(model_state, batch["context"]), prediction.row_keys(key, len(tokens))
        seen = prediction.redrawn(params, prediction.corrupted(tokens, key), keys, memory=memory, guess=guess)
        logits = prediction.logits(params, seen, memory=memory, guess=guess)
        value, metrics = prediction.reduced(prediction.scores(logits, tokens))
        _, lh, lw = prediction.model.grid
        return value, metrics, logits[:, prediction.context * lh * lw - prediction.first :]

    def watch(self, params: PyTree, model_state: PyTree, context: Frames) -> tuple[Memory, PyTree]:
        """What the pathways see in training, by the batch's own statistics, and its updated state."""
        state = model_state["pathways"]
        variables = {"params": params["pathways"], **state}
        memory, state = self.pathways.apply(variables, to_signed(context), train=True, mutable=list(state))  # pyright: ignore
        return memory, dict(state)


def with_networks(variables: PyTree, networks: Mapping[str, PyTree]) -> dict:
    """The variables of pathways with those of some networks from elsewhere, collection by collection."""
    return {
        kind: {**found, **{name: {**found[name], "network": network[kind]} for name, network in networks.items()}}
        for kind, found in variables.items()
    }
