"""Training a motion network by itself, to classify the target's motion and appearance from a clip's context."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn
from jaxtyping import Array, Float, PyTree

from futurepred_jax.arrays import Frames, Key
from futurepred_jax.models.resnet3d import resample
from futurepred_jax.objectives.loss import Loss
from futurepred_jax.pixels import to_signed


@dataclasses.dataclass(frozen=True)
class ClassificationObjective:
    """Sum of the cross-entropies of several labels, each with its own classes.

    Batches have ``noisy``, uint8 [b t h w 3], and for each label integers [b k] of all object slots, of which the first
    is the target's.

    Attributes:
        network: Network with a head for the classes of all labels together.
        labels: Number of classes of each label, by name.
        context_shape: Frames, height and width of a context; the network sees the first frames of a clip.
        frames: Number of frames that contexts are resampled to.
        side: Height and width in pixels that contexts are resampled to.
        smoothing: Share of probability that label smoothing spreads over all classes, in [0, 1].
    """

    network: nn.Module
    labels: dict[str, int]
    context_shape: tuple[int, int, int]
    frames: int
    side: int
    smoothing: float = 0.1

    def init(self, key: Key) -> tuple[PyTree, PyTree]:
        """Returns parameters and BatchNorm statistics."""
        variables = dict(self.network.init(key, jnp.zeros((1, self.frames, self.side, self.side, 3))))
        params = variables.pop("params")
        return params, variables

    def loss(self, params: PyTree, model_state: PyTree, batch: PyTree, *, key: Key, step: Array) -> Loss:
        """Returns the objective on a batch, with updated statistics."""
        del step
        video = self._watched(batch["noisy"])
        seen, state = self.network.apply(  # pyright: ignore[reportGeneralTypeIssues]
            {"params": params, **model_state}, video, train=True, mutable=list(model_state), rngs={"dropout": key}
        )
        value, metrics = self._scores(seen.logits, batch)
        return Loss(value, dict(state), metrics)

    def validate(self, params: PyTree, model_state: PyTree, batch: PyTree) -> dict[str, Array]:
        """Returns held-out cross-entropy and accuracies, with the running BatchNorm statistics."""
        logits = self.logits(params, model_state, batch["noisy"])
        value, metrics = self._scores(logits, batch)
        return {"loss": value, **metrics}

    def logits(self, params: PyTree, model_state: PyTree, noisy: Frames) -> Float[Array, "b classes"]:
        """Returns the logits of all labels, concatenated, for noisy clips."""
        return self.network.apply({"params": params, **model_state}, self._watched(noisy)).logits  # pyright: ignore

    def split(self, logits: Float[Array, "b classes"]) -> dict[str, Float[Array, "b c"]]:
        """Splits concatenated logits into those of each label."""
        ends = np.cumsum(list(self.labels.values()))[:-1]
        return dict(zip(self.labels, jnp.split(logits, ends, axis=-1), strict=True))

    def _watched(self, noisy: Frames) -> Float[Array, "b frames side side 3"]:
        return resample(to_signed(noisy[:, : self.context_shape[0]]), self.frames, self.side)

    def _scores(self, logits: Float[Array, "b classes"], batch: PyTree) -> tuple[Float[Array, ""], dict[str, Array]]:
        value, metrics = jnp.zeros(()), {}
        for name, found in self.split(logits).items():
            true = batch[name][:, 0].astype(jnp.int32)
            smooth = optax.smooth_labels(jax.nn.one_hot(true, self.labels[name]), self.smoothing)
            value += jnp.mean(optax.softmax_cross_entropy(found, smooth))
            metrics[f"{name}_accuracy"] = jnp.mean(jnp.argmax(found, axis=-1) == true)
        return value, metrics
