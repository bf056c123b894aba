"""Training a tokenizer to draw what looks real, besides what is near in pixels: perceptually and adversarially."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from einops import rearrange
from jaxtyping import Array, Float, PyTree

from futurepred_jax.arrays import Key, Video
from futurepred_jax.models.perceptual import Perceptual
from futurepred_jax.objectives.adversarial import Adversary
from futurepred_jax.objectives.chunks import in_chunks
from futurepred_jax.objectives.loss import Loss
from futurepred_jax.objectives.tokenizer import TokenizerObjective
from futurepred_jax.pixels import to_signed

FRAMES = 4  # of each clip that the perceptual distance looks at, drawn at random: the mean is that over all frames


@dataclasses.dataclass(frozen=True)
class Looks:
    """The perceptual distance: LPIPS between drawn and true frames.

    Attributes:
        module: the network.
        variables: its published weights. They are kept in the model state, where nothing trains them.
        weight: beside the reconstruction.
        accumulate: turns in which a batch goes through it.
    """

    module: Perceptual
    variables: PyTree
    weight: float = 0.1
    accumulate: int = 1

    def distance(self, variables: PyTree, drawn: Video, real: Video, *, key: Key) -> Float[Array, ""]:
        """Of some frames of clips in [-1, 1]."""
        chosen = jax.random.permutation(key, real.shape[1])[:FRAMES]

        def compare(drawn: Video, real: Video) -> Float[Array, "b"]:
            frames = (rearrange(video, "b t h w c -> (b t) h w c") for video in (drawn, real))
            found: Any = self.module.apply(variables, *frames)
            return jnp.mean(rearrange(found, "(b t) -> b t", b=len(drawn)), axis=-1)

        return jnp.mean(in_chunks(compare, self.accumulate, drawn[:, chosen], real[:, chosen]))


@dataclasses.dataclass(frozen=True)
class RealismObjective:
    """The tokenizer's objective, and the terms that make it look real, as one scalar.

    Batches are those of ``TokenizerObjective``. Parts are ``tokenizer`` and ``discriminator``; the model state holds
    the tokenizer's, the discriminator's ``averages``, and the ``perceptual`` network.

    Attributes:
        drawing: the tokenizer's own objective.
        looks: the perceptual term, if any.
        adversary: the adversarial terms, if any.
    """

    drawing: TokenizerObjective
    looks: Looks | None
    adversary: Adversary | None

    def init(self, key: Key) -> tuple[PyTree, PyTree]:
        """Parameters and model state of all parts."""
        tokenizer_key, discriminator_key = jax.random.split(key)
        tokenizer, codebook = self.drawing.init(tokenizer_key)
        params, state = {"tokenizer": tokenizer}, {"tokenizer": codebook}
        if self.looks:
            state["perceptual"] = jax.tree.map(jnp.asarray, self.looks.variables)
        if self.adversary:
            params["discriminator"], state["averages"] = self.adversary.init(discriminator_key, self.drawing.shape)
        return params, state

    def loss(self, params: PyTree, model_state: PyTree, batch: PyTree, *, key: Key, step: Array) -> Loss:
        """The objective on a batch, with all updates of the state."""
        drawing_key, frames_key = jax.random.split(key)
        (value, codebook, metrics), _, drawn = self.drawing.draw_some_noisy(
            params["tokenizer"], model_state["tokenizer"], batch, key=drawing_key, step=step
        )
        real, state = to_signed(batch["video"]), {**model_state, "tokenizer": codebook}
        if self.looks:
            metrics["perceptual"] = self.looks.distance(model_state["perceptual"], drawn, real, key=frames_key)
            value += self.looks.weight * metrics["perceptual"]
        if self.adversary:
            played = self.adversary.play(params["discriminator"], model_state["averages"], drawn, real, step=step)
            value, state["averages"] = value + played.value, played.averages
            metrics |= played.metrics
        return Loss(value, state, metrics)

    def validate(self, params: PyTree, model_state: PyTree, batch: PyTree) -> dict[str, Array]:
        """Held-out quality of reconstructions, as the tokenizer's own objective has it."""
        return self.drawing.validate(params["tokenizer"], model_state["tokenizer"], batch)
