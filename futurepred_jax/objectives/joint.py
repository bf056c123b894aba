"""Training tokenizer, motion pathways and Transformer together, with a loss for consistent motion."""

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

JUDGE = "i3d"  # pathway of whose network a frozen copy compares motion
EPSILON = 1e-6  # added to the size of features, which may all be zero


@dataclasses.dataclass(frozen=True)
class JointObjective:
    """Likelihood of the future's tokens, the tokenizer's own objective, and a consistency loss of motion.

    The consistency loss is the distance of features of a frozen copy of the I3D between the decoded expected future and
    the true future of a clip. Tokens are made in every step by the tokenizer being trained.

    Batches are those of ``TokenizerObjective``. The parameters have the parts ``transformer``, ``pathways`` and
    ``tokenizer``. The model state also holds the frozen copy, as ``judge``, so that nothing trains it.

    Attributes:
        motion: The objective of prediction with pathways.
        tokenizer: The tokenizer's own objective.
        start: Variables of the trained tokenizer.
        drawing_weight: Factor of the tokenizer's objective.
        consistency_weight: Factor of the consistency loss.
    """

    motion: MotionObjective
    tokenizer: TokenizerObjective
    start: PyTree
    drawing_weight: float = 1.0
    consistency_weight: float = 0.1

    def init(self, key: Key) -> tuple[PyTree, PyTree]:
        """Returns parameters and model state of all parts."""
        params, state = self.motion.init(key)
        tokenizer = dict(jax.tree.map(jnp.asarray, self.start))
        judge = {
            "params": params["pathways"][JUDGE]["network"],
            "batch_stats": state["pathways"]["batch_stats"][JUDGE]["network"],
        }
        parts = {**params, "tokenizer": tokenizer.pop("params")}
        return parts, {**state, "tokenizer": tokenizer, "judge": judge}

    def loss(self, params: PyTree, model_state: PyTree, batch: PyTree, *, key: Key, step: Array) -> Loss:
        """Returns the objective on a batch, with the updated model state."""
        del step
        token_key, codebook_key = jax.random.split(key)
        context_frames, state = self.motion.context_shape[0], model_state["tokenizer"]
        tokenizer_loss, quantized, _ = self.tokenizer.loss_on(
            params["tokenizer"], state, _as_predicted(batch, context_frames), batch, key=codebook_key
        )
        memory, statistics = self.motion.watch(params, model_state, batch["noisy"][:, :context_frames])
        seen = {"tokens": quantized.tokens, "context": batch["noisy"][:, :context_frames]}
        nll, metrics, logits = self.motion.likelihood(params["transformer"], model_state, seen, memory, key=token_key)
        expected = self._expected_future(params, state, quantized.latents, logits)
        consistency = self._distance(model_state["judge"], expected, to_signed(batch["video"][:, context_frames:]))
        value = nll + self.drawing_weight * tokenizer_loss.value + self.consistency_weight * consistency
        updated = {**model_state, "pathways": statistics, "tokenizer": tokenizer_loss.model_state}
        metrics |= {**tokenizer_loss.metrics, "consistency": consistency, **gates(params["transformer"])}
        return Loss(value, updated, metrics)

    def validate(self, params: PyTree, model_state: PyTree, batch: PyTree) -> dict[str, Array]:
        """Returns held-out scores of the future's tokens and of the tokenizer's reconstructions."""
        context_frames = self.motion.context_shape[0]
        variables = {"params": params["tokenizer"], **model_state["tokenizer"]}
        tokens = self.tokenizer.model.apply(variables, _as_predicted(batch, context_frames), method="encode")
        predicted = self.motion.validate(
            params, model_state, {"tokens": tokens, "context": batch["noisy"][:, :context_frames]}
        )
        reconstructed = self.tokenizer.validate(params["tokenizer"], model_state["tokenizer"], batch)
        return {**{f"drawing_{name}": value for name, value in reconstructed.items()}, **predicted}

    @property
    def _judge(self) -> Pathway:
        return self.motion.pathways.parts[JUDGE]

    def _expected_future(
        self, params: PyTree, state: PyTree, latents: Latents, logits: Float[Array, "b n g v"]
    ) -> Float[Array, "b future h w c"]:
        """Decodes the expected future, in which each code is the mean of all codes by their probabilities."""
        variables = {"params": params["tokenizer"], **state}
        codes = self.tokenizer.model.apply(variables, method="codebooks")
        expected = jnp.einsum("b n g v, g v e -> b n g e", jax.nn.softmax(logits), codes)
        context_latents, (_, lh, lw) = self.motion.prediction.context_latents, latents.shape[1:4]
        future = rearrange(expected, "b (lt lh lw) g e -> b lt lh lw (g e)", lh=lh, lw=lw)
        whole = jnp.concatenate([latents[:, :context_latents], future], axis=1)
        frames: Any = self.tokenizer.model.apply(variables, whole, method="decode_latents")
        return frames[:, self.motion.context_shape[0] :]

    def _distance(self, judge: PyTree, expected: Video, true: Video) -> Float[Array, ""]:
        """Returns squared distances of features relative to the squared size of the true ones, over all endpoints."""
        ours, theirs = self._features(judge, expected), jax.lax.stop_gradient(self._features(judge, true))
        return sum(
            (jnp.mean(jnp.square(ours[name] - theirs[name])) / (jnp.mean(jnp.square(theirs[name])) + EPSILON))
            for name in self._judge.endpoints
        )  # pyright: ignore[reportReturnType]

    def _features(self, judge: PyTree, video: Video) -> dict[str, Array]:
        pathway = self._judge
        seen: Any = pathway.network.apply(judge, resample(video, pathway.frames, pathway.side))
        return {name: features.astype(jnp.float32) for name, features in seen.features.items()}


def _as_predicted(batch: PyTree, context_frames: int) -> Video:
    """Returns clips in [-1, 1] as predictors tokenize them: the context with its noise, the future without."""
    return to_signed(jnp.concatenate([batch["noisy"][:, :context_frames], batch["video"][:, context_frames:]], axis=1))
