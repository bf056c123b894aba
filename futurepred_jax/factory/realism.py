"""Config to what a tokenizer is trained against besides pixels: a perceptual network and a discriminator."""

from ml_collections import ConfigDict

from futurepred_jax.factory.assets import Assets
from futurepred_jax.factory.models import clip_flops, frame_flops
from futurepred_jax.models.discriminator import Discriminator
from futurepred_jax.models.perceptual import NETWORKS, Perceptual
from futurepred_jax.objectives.adversarial import R1_EVERY, AdversarialLoss
from futurepred_jax.objectives.realism import FRAMES, PerceptualLoss, RealismObjective
from futurepred_jax.objectives.tokenizer import TokenizerObjective


def make_realism(config: ConfigDict, tokenizer: TokenizerObjective, assets: Assets) -> RealismObjective:
    """The objective of ``config.realism``; a weight of zero leaves its part out.

    Raises:
        ValueError: the perceptual network is unknown, or its weights are not installed.
    """
    return RealismObjective(tokenizer, _perceptual_loss(config, assets), _adversarial_loss(config))


def judging_flops(config: ConfigDict, objective: RealismObjective) -> float:
    """Of one clip, what training adds to the tokenizer's own."""
    data, flops = config.data, 0.0
    if objective.perceptual is not None:  # the reconstruction forward and backward, the true frame forward
        flops += min(FRAMES, data.frames) * 3 * frame_flops(NETWORKS[objective.perceptual.module.network](), data.size)
    if objective.adversarial is not None:
        # forward and backward to the reconstruction; both kinds of clips with the parameters' gradient; R1
        flops += (2 + 3 + 3 + 6 / R1_EVERY) * clip_flops(objective.adversarial.module, data.frames, data.size)
    return flops


def _perceptual_loss(config: ConfigDict, assets: Assets) -> PerceptualLoss | None:
    fields = config.realism
    if not fields.perceptual_weight:
        return None
    if fields.perceptual not in NETWORKS:
        raise ValueError(f"config.realism.perceptual {fields.perceptual!r}: known are {', '.join(NETWORKS)}")
    module = Perceptual(fields.perceptual)
    return PerceptualLoss(module, assets.perceptual(module), fields.perceptual_weight, config.train.accumulate)


def _adversarial_loss(config: ConfigDict) -> AdversarialLoss | None:
    fields = config.realism
    if not fields.adversarial_weight:
        return None
    return AdversarialLoss(
        Discriminator(fields.filters, tuple(fields.multipliers)),
        fields.adversarial_weight,
        r1_weight=fields.r1_weight,
        lecam_weight=fields.lecam_weight,
        start=fields.start,
        accumulate=config.train.accumulate,
    )
