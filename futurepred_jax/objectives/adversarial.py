"""Two players, one scalar: a discriminator learns to tell drawn clips, and the tokenizer to draw what it cannot tell.

The sum of all terms is one scalar that one optimizer minimises, as any other loss. ``stop_gradient`` gives each player
its own terms: in the tokenizer's the discriminator's parameters are constants, in the discriminator's the drawn clip
is. So the gradient of the sum with respect to either player is that of its own terms alone. Both move at the same time,
from the same drawing, where a loop of two optimizers would move one after the other.

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
LECAM_DECAY = 0.999  # of the running means of logits, as MAGVIT

Logits = Float[Array, "b"]


class Averages(NamedTuple):
    """Running means of the discriminator's logits."""

    real: Float[Array, ""]
    fake: Float[Array, ""]


class Round(NamedTuple):
    """What a step adds to the scalar, the running means after it, and what is logged."""

    value: Float[Array, ""]
    averages: Averages
    metrics: dict[str, Array]


@dataclasses.dataclass(frozen=True)
class Adversary:
    """The discriminator and what is minimised about it.

    Attributes:
        module: the discriminator.
        weight: of the tokenizer's adversarial term beside its reconstruction.
        r1_weight: γ of R1, γ/2 E‖∇D(real)‖².
        lecam_weight: of LeCAM, which keeps the logits of one kind from running away from the mean of the other.
        start: first step at which it plays; until then nothing of it is computed, and its gradient is zero.
        accumulate: turns in which a batch goes through it.
    """

    module: Discriminator
    weight: float = 0.1
    r1_weight: float = 10.0
    lecam_weight: float = 0.001
    start: int = 0
    accumulate: int = 1

    def init(self, key: Key, shape: tuple[int, int, int]) -> tuple[PyTree, Averages]:
        """Parameters, for clips of a shape (t, h, w), and running means."""
        params = self.module.init(key, jnp.zeros((1, *shape, 3)))["params"]
        return params, Averages(jnp.zeros(()), jnp.zeros(()))

    def play(self, params: PyTree, averages: Averages, drawn: Video, real: Video, *, step: Array) -> Round:
        """Both players' terms on a batch of drawn clips and the recorded ones that they should look like."""

        def now(params: PyTree, drawn: Video) -> Round:
            return self._play(params, drawn, averages, real, step)

        def rest(*_: PyTree) -> Round:
            zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
            return zeros._replace(averages=averages)

        shapes = jax.eval_shape(now, params, drawn)
        return jax.lax.cond(step >= self.start, now, rest, params, drawn)

    def judge(self, params: PyTree, video: Video) -> Logits:
        """Logits of clips in [-1, 1] being recorded."""
        return in_chunks(lambda rows: self.module.apply({"params": params}, rows), self.accumulate, video)

    def _play(self, params: PyTree, drawn: Video, averages: Averages, real: Video, step: Array) -> Round:
        deceived = self.judge(jax.lax.stop_gradient(params), drawn)
        on_real, on_fake = self.judge(params, real), self.judge(params, jax.lax.stop_gradient(drawn))
        generator = jnp.mean(jax.nn.softplus(-deceived))
        told_apart = jnp.mean(jax.nn.softplus(-on_real)) + jnp.mean(jax.nn.softplus(on_fake))
        discriminator = told_apart + self.lecam_weight * lecam(on_real, on_fake, averages)
        r1 = jax.lax.cond(step % R1_EVERY == 0, self._r1, lambda *_: jnp.zeros(()), params, real)
        value = self.weight * generator + discriminator + R1_EVERY * self.r1_weight / 2 * r1
        right = (jnp.mean(on_real > 0) + jnp.mean(on_fake < 0)) / 2
        metrics = {
            "adversarial": generator,
            "discriminator": told_apart,
            "discriminator_accuracy": right,
            "real_logit": jnp.mean(on_real),
            "fake_logit": jnp.mean(on_fake),
        }
        return Round(value, _followed(averages, on_real, on_fake), metrics)

    def _r1(self, params: PyTree, real: Video) -> Float[Array, ""]:
        """Mean squared norm of the logit's gradient with respect to recorded clips."""

        def squared_norms(rows: Video) -> Float[Array, "b"]:
            slope = jax.grad(lambda video: jnp.sum(self.module.apply({"params": params}, video)))(rows)  # pyright: ignore
            return jnp.sum(jnp.square(slope), axis=(1, 2, 3, 4))

        return jnp.mean(in_chunks(squared_norms, self.accumulate, real))


def lecam(real: Logits, fake: Logits, averages: Averages) -> Float[Array, ""]:
    """Squared distance of each logit from the other kind's running mean: what keeps the two from running apart.

    As in the reference implementation, recorded clips' count above the mean of drawn ones, drawn ones' below theirs.
    """
    above, below = jax.nn.relu(real - averages.fake), jax.nn.relu(averages.real - fake)
    return jnp.mean(jnp.square(above)) + jnp.mean(jnp.square(below))


def _followed(averages: Averages, real: Logits, fake: Logits) -> Averages:
    means = jax.lax.stop_gradient(Averages(jnp.mean(real), jnp.mean(fake)))
    return jax.tree.map(lambda old, new: LECAM_DECAY * old + (1 - LECAM_DECAY) * new, averages, means)
