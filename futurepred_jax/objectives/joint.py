"""Training tokenizer, pathways and Transformer together: tokens, pictures and their motion."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from einops import rearrange
from jaxtyping import Array, Float, PyTree

from futurepred_jax.arrays import Key, Latents, Video
from futurepred_jax.models.crossing import gates
from futurepred_jax.models.pathway import Pathway
from futurepred_jax.models.resnet3d import resample
from futurepred_jax.objectives.loss import Loss
from futurepred_jax.objectives.motion import MotionObjective
from futurepred_jax.objectives.tokenizer import TokenizerObjective
from futurepred_jax.pixels import to_signed

JUDGE = "i3d"  # the pathway whose network's frozen copy compares motion
EPSILON = 1e-6  # features that are all zero have no size to be measured by


@dataclasses.dataclass(frozen=True)
class JointObjective:
    """Likelihood of the future's tokens, the tokenizer's own objective, and the consistency of motion.

    The consistency is that of the expected future, decoded, with the same clip's true future: the distance of what a
    frozen copy of the I3D makes of them. The tokens are made in the step, by the tokenizer as it is then.

    Batches are those of ``TokenizerObjective``. Parts are ``transformer``, ``pathways`` and ``tokenizer``; the model
    state holds the frozen copy too, as ``judge``, so that nothing trains it.

    Attributes:
        motion: prediction with pathways.
        tokenizer: drawing.
        start: the trained tokenizer's variables.
        drawing_weight: of the tokenizer's objective.
        consistency_weight: of the consistency.
    """

    motion: MotionObjective
    tokenizer: TokenizerObjective
    start: PyTree
    drawing_weight: float = 1.0
    consistency_weight: float = 0.1

    def init(self, key: Key) -> tuple[PyTree, PyTree]:
        """Parameters, and statistics, codebook and frozen copy."""
        params, state = self.motion.init(key)
        tokenizer = dict(jax.tree.map(jnp.asarray, self.start))
        judge = {
            "params": params["pathways"][JUDGE]["network"],
            "batch_stats": state["pathways"]["batch_stats"][JUDGE]["network"],
        }
        parts = {**params, "tokenizer": tokenizer.pop("params")}
        return parts, {**state, "tokenizer": tokenizer, "judge": judge}

    def loss(self, params: PyTree, model_state: PyTree, batch: PyTree, *, key: Key, step: Array) -> Loss:
        """The objective on a batch, with all updates of the state."""
        del step
        token_key, codebook_key = jax.random.split(key)
        past, state = self.motion.shape[0], model_state["tokenizer"]
        drawing, quantized, _ = self.tokenizer.drawing(
            params["tokenizer"], state, _as_predicted(batch, past), batch, key=codebook_key
        )
        memory, statistics = self.motion.watch(params, model_state, batch["noisy"][:, :past])
        seen = {"tokens": quantized.tokens, "context": batch["noisy"][:, :past]}
        nll, metrics, logits = self.motion.likelihood(params["transformer"], model_state, seen, memory, key=token_key)
        drawn = self._drawn_future(params, state, quantized.latents, logits)
        consistency = self._distance(model_state["judge"], drawn, to_signed(batch["video"][:, past:]))
        value = nll + self.drawing_weight * drawing.value + self.consistency_weight * consistency
        updated = {**model_state, "pathways": statistics, "tokenizer": drawing.model_state}
        metrics |= {**drawing.metrics, "consistency": consistency, **gates(params["transformer"])}
        return Loss(value, updated, metrics)

    def validate(self, params: PyTree, model_state: PyTree, batch: PyTree) -> dict[str, Array]:
        """Held-out likelihood of the future's tokens as the tokenizer makes them, and its reconstructions."""
        past = self.motion.shape[0]
        variables = {"params": params["tokenizer"], **model_state["tokenizer"]}
        tokens = self.tokenizer.model.apply(variables, _as_predicted(batch, past), method="encode")
        predicted = self.motion.validate(params, model_state, {"tokens": tokens, "context": batch["noisy"][:, :past]})
        drawn = self.tokenizer.validate(params["tokenizer"], model_state["tokenizer"], batch)
        return {**{f"drawing_{name}": value for name, value in drawn.items()}, **predicted}

    @property
    def _judge(self) -> Pathway:
        return self.motion.pathways.parts[JUDGE]

    def _drawn_future(
        self, params: PyTree, state: PyTree, latents: Latents, logits: Float[Array, "b n g v"]
    ) -> Float[Array, "b future h w c"]:
        """The future as it is expected, each code the mean of all by their probabilities, decoded after its context."""
        variables = {"params": params["tokenizer"], **state}
        codes = self.tokenizer.model.apply(variables, method="codebooks")
        expected = jnp.einsum("b n g v, g v e -> b n g e", jax.nn.softmax(logits), codes)
        context, (_, lh, lw) = self.motion.prediction.context, latents.shape[1:4]
        future = rearrange(expected, "b (lt lh lw) g e -> b lt lh lw (g e)", lh=lh, lw=lw)
        whole = jnp.concatenate([latents[:, :context], future], axis=1)
        drawn: Any = self.tokenizer.model.apply(variables, whole, method="draw")
        return drawn[:, self.motion.shape[0] :]

    def _distance(self, judge: PyTree, drawn: Video, true: Video) -> Float[Array, ""]:
        """Squared distance of features over the squared size of the true ones, summed over the endpoints."""
        ours, theirs = self._features(judge, drawn), jax.lax.stop_gradient(self._features(judge, true))
        return sum(
            (jnp.mean(jnp.square(ours[name] - theirs[name])) / (jnp.mean(jnp.square(theirs[name])) + EPSILON))
            for name in self._judge.endpoints
        )  # pyright: ignore[reportReturnType]

    def _features(self, judge: PyTree, video: Video) -> dict[str, Array]:
        pathway = self._judge
        seen: Any = pathway.network.apply(judge, resample(video, pathway.frames, pathway.side))
        return {name: features.astype(jnp.float32) for name, features in seen.features.items()}


def _as_predicted(batch: PyTree, past: int) -> Video:
    """Clips as a predictor's tokens are made of them: the context with its noise, the future without."""
    return to_signed(jnp.concatenate([batch["noisy"][:, :past], batch["video"][:, past:]], axis=1))
