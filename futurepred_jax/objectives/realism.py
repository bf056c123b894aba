"""Training a tokenizer for realistic reconstructions: a perceptual and an adversarial loss beside the pixel losses."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from einops import rearrange
from jaxtyping import Array, Float, PyTree

from futurepred_jax.arrays import Key, Video
from futurepred_jax.models.perceptual import Perceptual
from futurepred_jax.objectives.adversarial import AdversarialLoss
from futurepred_jax.objectives.chunks import in_chunks
from futurepred_jax.objectives.loss import Loss
from futurepred_jax.objectives.tokenizer import TokenizerObjective
from futurepred_jax.pixels import to_signed

FRAMES = 4  # frames of each clip that are compared, chosen at random: an unbiased estimate of the mean over all frames


@dataclasses.dataclass(frozen=True)
class PerceptualLoss:
    """LPIPS between reconstructed and true frames.

    Attributes:
        module: The network.
        variables: Its published weights. They are kept in the model state, so that nothing trains them.
        weight: Factor of the perceptual loss in the objective.
        accumulate: Number of turns in which a batch goes through the network.
    """

    module: Perceptual
    variables: PyTree
    weight: float = 0.1
    accumulate: int = 1

    def distance(self, variables: PyTree, reconstruction: Video, real: Video, *, key: Key) -> Float[Array, ""]:
        """Returns the mean LPIPS of ``FRAMES`` random frames of clips in [-1, 1]."""
        chosen = jax.random.permutation(key, real.shape[1])[:FRAMES]

        def compare(reconstruction: Video, real: Video) -> Float[Array, "b"]:
            frames = (rearrange(video, "b t h w c -> (b t) h w c") for video in (reconstruction, real))
            found: Any = self.module.apply(variables, *frames)
            return jnp.mean(rearrange(found, "(b t) -> b t", b=len(reconstruction)), axis=-1)

        return jnp.mean(in_chunks(compare, self.accumulate, reconstruction[:, chosen], real[:, chosen]))


@dataclasses.dataclass(frozen=True)
class RealismObjective:
    """The sum of the tokenizer's own objective, the perceptual loss and the adversarial losses.

    Batches are those of ``TokenizerObjective``. The parameters have the parts ``tokenizer`` and ``discriminator``. The
    model state holds the tokenizer's state, the discriminator's ``averages`` and the ``perceptual`` network.

    Attributes:
        tokenizer: The tokenizer's own objective.
        perceptual: The perceptual loss, or None.
        adversarial: The adversarial losses, or None.
    """

    tokenizer: TokenizerObjective
    perceptual: PerceptualLoss | None
    adversarial: AdversarialLoss | None

    def init(self, key: Key) -> tuple[PyTree, PyTree]:
        """Returns parameters and model state of all parts."""
        tokenizer_key, discriminator_key = jax.random.split(key)
        tokenizer, codebook = self.tokenizer.init(tokenizer_key)
        params, state = {"tokenizer": tokenizer}, {"tokenizer": codebook}
        if self.perceptual is not None:
            state["perceptual"] = jax.tree.map(jnp.asarray, self.perceptual.variables)
        if self.adversarial is not None:
            params["discriminator"], state["averages"] = self.adversarial.init(discriminator_key, self.tokenizer.shape)
        return params, state

    def loss(self, params: PyTree, model_state: PyTree, batch: PyTree, *, key: Key, step: Array) -> Loss:
        """Returns the objective on a batch, with the updated model state."""
        tokenizer_key, frames_key = jax.random.split(key)
        (value, codebook, metrics), _, reconstruction = self.tokenizer.loss_on_half_noisy(
            params["tokenizer"], model_state["tokenizer"], batch, key=tokenizer_key, step=step
        )
        real, state = to_signed(batch["video"]), {**model_state, "tokenizer": codebook}
        if self.perceptual is not None:
            distance = self.perceptual.distance(model_state["perceptual"], reconstruction, real, key=frames_key)
            value += self.perceptual.weight * distance
            metrics["perceptual"] = distance
        if self.adversarial is not None:
            terms = self.adversarial.terms(
                params["discriminator"], model_state["averages"], reconstruction, real, step=step
            )
            value += terms.value
            state["averages"] = terms.averages
            metrics |= terms.metrics
        return Loss(value, state, metrics)

    def validate(self, params: PyTree, model_state: PyTree, batch: PyTree) -> dict[str, Array]:
        """Returns the held-out scores of the tokenizer's own objective."""
        return self.tokenizer.validate(params["tokenizer"], model_state["tokenizer"], batch)
