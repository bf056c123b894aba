"""Adversarial losses of a tokenizer and a discriminator, summed into one scalar for one optimizer.

The discriminator learns to tell reconstructions from recorded clips, and the tokenizer to make reconstructions that it
takes for recorded ones. ``stop_gradient`` keeps their losses apart: in the tokenizer's loss the discriminator's
parameters are constants, and in the discriminator's loss the reconstruction is. The gradient of the sum with respect to
either network is therefore that of its own loss. Both networks are updated in the same step, from the same
reconstruction, where two optimizers would alternate.

Source: MAGVIT (arXiv:2212.05199): non-saturating losses (Goodfellow et al. 2014), R1 (Mescheder et al. 2018,
arXiv:1801.04406), here at every 16th step with 16 times the weight (StyleGAN2, appendix B), LeCAM (Tseng et al. 2021,
arXiv:2104.03310).
"""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from futurepred_jax.arrays import Key, Video
from futurepred_jax.models.discriminator import Discriminator
from futurepred_jax.objectives.chunks import in_chunks

R1_EVERY = 16  # steps
LECAM_DECAY = 0.999  # decay of the running means of logits, as in MAGVIT

Logits = Float[Array, "b"]


class Averages(NamedTuple):
    """Running means of the discriminator's logits of recorded clips and of reconstructions."""

    real: Float[Array, ""]
    fake: Float[Array, ""]


class AdversarialTerms(NamedTuple):
    """What a step adds to the objective, the running means after the step, and scalars to log."""

    value: Float[Array, ""]
    averages: Averages
    metrics: dict[str, Array]


@dataclasses.dataclass(frozen=True)
class AdversarialLoss:
    """A discriminator and the losses that train it and the tokenizer against each other.

    Attributes:
        module: The discriminator.
        weight: Factor of the tokenizer's adversarial loss in the objective.
        r1_weight: γ of the R1 penalty γ/2 E‖∇D(real)‖².
        lecam_weight: Factor of LeCAM, which keeps the logits of one kind near the running mean of the other.
        start: First step with adversarial losses; before it nothing is computed and all gradients are zero.
        accumulate: Number of turns in which a batch goes through the discriminator.
    """

    module: Discriminator
    weight: float = 0.1
    r1_weight: float = 10.0
    lecam_weight: float = 0.001
    start: int = 0
    accumulate: int = 1

    def init(self, key: Key, shape: tuple[int, int, int]) -> tuple[PyTree, Averages]:
        """Returns the discriminator's parameters, for clips of shape (t, h, w), and running means of zero."""
        params = self.module.init(key, jnp.zeros((1, *shape, 3)))["params"]
        return params, Averages(jnp.zeros(()), jnp.zeros(()))

    def terms(
        self, params: PyTree, averages: Averages, reconstruction: Video, real: Video, *, step: Array
    ) -> AdversarialTerms:
        """Returns the losses of both networks on a batch.

        Args:
            params: Parameters of the discriminator.
            averages: Running means before the step.
            reconstruction: Clips from the tokenizer, nominally in [-1, 1].
            real: The recorded clips that they should look like, in [-1, 1].
            step: Number of the step, from 0.
        """

        def active(params: PyTree, reconstruction: Video) -> AdversarialTerms:
            return self._terms(params, reconstruction, averages, real, step)

        def inactive(*_: PyTree) -> AdversarialTerms:
            zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
            return zeros._replace(averages=averages)

        shapes = jax.eval_shape(active, params, reconstruction)
        return jax.lax.cond(step >= self.start, active, inactive, params, reconstruction)

    def logits(self, params: PyTree, video: Video) -> Logits:
        """Returns the discriminator's logits that clips in [-1, 1] are recorded ones."""
        return in_chunks(lambda rows: self.module.apply({"params": params}, rows), self.accumulate, video)

    def _terms(
        self, params: PyTree, reconstruction: Video, averages: Averages, real: Video, step: Array
    ) -> AdversarialTerms:
        logits_generated = self.logits(jax.lax.stop_gradient(params), reconstruction)
        on_real, on_fake = self.logits(params, real), self.logits(params, jax.lax.stop_gradient(reconstruction))
        generator = jnp.mean(jax.nn.softplus(-logits_generated))
        classification = jnp.mean(jax.nn.softplus(-on_real)) + jnp.mean(jax.nn.softplus(on_fake))
        discriminator = classification + self.lecam_weight * lecam(on_real, on_fake, averages)
        r1 = jax.lax.cond(step % R1_EVERY == 0, self._r1, lambda *_: jnp.zeros(()), params, real)
        value = self.weight * generator + discriminator + R1_EVERY * self.r1_weight / 2 * r1
        metrics = {
            "adversarial": generator,
            "discriminator": classification,
            "discriminator_accuracy": (jnp.mean(on_real > 0) + jnp.mean(on_fake < 0)) / 2,
            "real_logit": jnp.mean(on_real),
            "fake_logit": jnp.mean(on_fake),
        }
        return AdversarialTerms(value, _updated(averages, on_real, on_fake), metrics)

    def _r1(self, params: PyTree, real: Video) -> Float[Array, ""]:
        """Returns the mean squared norm of the logit's gradient with respect to recorded clips."""

        def squared_norms(rows: Video) -> Float[Array, "b"]:
            slope = jax.grad(lambda video: jnp.sum(self.module.apply({"params": params}, video)))(rows)  # pyright: ignore
            return jnp.sum(jnp.square(slope), axis=(1, 2, 3, 4))

        return jnp.mean(in_chunks(squared_norms, self.accumulate, real))


def lecam(real: Logits, fake: Logits, averages: Averages) -> Float[Array, ""]:
    """Returns the LeCAM regulariser: squared distances of logits from the running mean of the other kind.

    As in the reference implementation, logits of recorded clips count where they exceed the mean of reconstructions,
    and logits of reconstructions where they fall below the mean of recorded clips.
    """
    above, below = jax.nn.relu(real - averages.fake), jax.nn.relu(averages.real - fake)
    return jnp.mean(jnp.square(above)) + jnp.mean(jnp.square(below))


def _updated(averages: Averages, real: Logits, fake: Logits) -> Averages:
    means = jax.lax.stop_gradient(Averages(jnp.mean(real), jnp.mean(fake)))
    return jax.tree.map(lambda old, new: LECAM_DECAY * old + (1 - LECAM_DECAY) * new, averages, means)
