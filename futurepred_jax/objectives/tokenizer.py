"""Training a tokenizer: reconstructs the noise-free video from a noisy one, with a higher weight on the objects."""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PyTree

from futurepred_jax.arrays import Key, Mask, Video
from futurepred_jax.models.magvit import MagVit
from futurepred_jax.models.quantizers import Quantized, codebook_usage
from futurepred_jax.objectives.chunks import in_chunks
from futurepred_jax.objectives.loss import Loss
from futurepred_jax.pixels import to_signed


class TokenizerOutput(NamedTuple):
    """The objective on a batch, the batch's quantized latents, and its reconstruction."""

    loss: Loss
    quantized: Quantized
    video: Video


@dataclasses.dataclass(frozen=True)
class TokenizerObjective:
    """Foreground-weighted L1 + L2 distance to the noise-free video, plus the commitment loss of the encoder.

    Batches have ``noisy`` and ``video`` (uint8 [b t h w 3], the same without noise) and, where the objects are known,
    ``instance`` (uint8 [b t h w], 0 on the background); without it every pixel has the same weight. A random half of
    the clips is encoded without noise, since predictors tokenize futures without noise.

    Attributes:
        model: The tokenizer.
        shape: Frames, height and width (t, h, w) of a clip.
        foreground_weight: Weight of a pixel on an object; a pixel of the background has the weight 1. With equal
            weights the error of the large, easy background hides that objects are missing.
        l2_weight: Factor of the squared error beside the absolute error.
        commitment_weight: Factor of the commitment loss, the beta of VQ-VAE.
        entropy_weight: Factor of LFQ's entropy penalty; other quantizers have none.
        warm_steps: Number of first steps without quantization, so that the codebook starts from trained latents.
        accumulate: Number of turns in which a batch goes through the encoder, and again through the decoder.
        start: Variables to start from; None starts from random ones.
    """

    model: MagVit
    shape: tuple[int, int, int]
    foreground_weight: float = 8.0
    l2_weight: float = 2.0
    commitment_weight: float = 0.25
    entropy_weight: float = 0.1
    warm_steps: int = 0
    accumulate: int = 1
    start: PyTree | None = None

    def init(self, key: Key) -> tuple[PyTree, PyTree]:
        """Returns the parameters and the codebook."""
        start: Any = self.model.init(key, jnp.zeros((1, *self.shape, 3))) if self.start is None else self.start
        variables = dict(start)
        params = variables.pop("params")
        return params, variables

    def loss(self, params: PyTree, model_state: PyTree, batch: PyTree, *, key: Key, step: Array) -> Loss:
        """Returns the objective on a batch, with the updated codebook."""
        return self.loss_on_half_noisy(params, model_state, batch, key=key, step=step).loss

    def loss_on_half_noisy(
        self, params: PyTree, model_state: PyTree, batch: PyTree, *, key: Key, step: Array
    ) -> TokenizerOutput:
        """Returns the objective on a batch of which a random half is encoded with its noise."""
        choice_key, codebook_key = jax.random.split(key)
        noisy = jax.random.bernoulli(choice_key, 0.5, (batch["video"].shape[0], 1, 1, 1, 1))
        video = jnp.where(noisy, to_signed(batch["noisy"]), to_signed(batch["video"]))
        return self.loss_on(params, model_state, video, batch, key=codebook_key, active=step >= self.warm_steps)

    def loss_on(
        self,
        params: PyTree,
        model_state: PyTree,
        video: Video,
        batch: PyTree,
        *,
        key: Key,
        active: Bool[Array, ""] | bool = True,
    ) -> TokenizerOutput:
        """Returns the objective for given input frames, with or without noise.

        Args:
            params: Parameters of the tokenizer.
            model_state: Its codebook.
            video: Frames to encode, in [-1, 1].
            batch: Has the frames to reconstruct, ``video``, and may have ``instance``.
            key: Key for the revival of unused codes.
            active: Whether latents are quantized; False is a warm-up step.
        """
        clean, mask = to_signed(batch["video"]), _mask(batch)
        variables = {"params": params, **model_state}
        encode = lambda video: self.model.apply(variables, video, method="latents")  # noqa: E731
        decode = lambda latents: self.model.apply(variables, latents, method="decode_latents")  # noqa: E731
        quantized, updated = self.model.apply(  # pyright: ignore[reportGeneralTypeIssues]
            variables,
            in_chunks(encode, self.accumulate, video),
            train=True,
            key=key,
            active=active,
            method="quantize",
            mutable=list(model_state),
        )
        reconstruction = in_chunks(decode, self.accumulate, quantized.latents)
        distance = self._distance(reconstruction, clean, mask)
        usage, perplexity = codebook_usage(quantized.tokens, self.model.quantizer.sizes)
        metrics = {
            "reconstruction": distance,
            "commitment": quantized.commitment,
            "codebook_usage": usage,
            "perplexity": perplexity,
        }
        value = distance + self.commitment_weight * quantized.commitment
        if quantized.entropy is not None:
            value += self.entropy_weight * quantized.entropy
            metrics["entropy"] = quantized.entropy
        return TokenizerOutput(Loss(value, dict(updated), metrics), quantized, reconstruction)

    def validate(self, params: PyTree, model_state: PyTree, batch: PyTree) -> dict[str, Array]:
        """Returns held-out scores of the reconstructions of noise-free clips, always quantized."""
        clean, mask = to_signed(batch["video"]), _mask(batch)
        reconstruction, quantized = self.model.apply({"params": params, **model_state}, clean)  # pyright: ignore
        squared = jnp.mean(jnp.square((jnp.clip(reconstruction, -1, 1) - clean) / 2), axis=-1)
        usage, perplexity = codebook_usage(quantized.tokens, self.model.quantizer.sizes)  # pyright: ignore[reportAttributeAccessIssue]
        return {
            "loss": self._distance(reconstruction, clean, mask),
            "psnr": jnp.mean(_decibel(jnp.mean(squared, axis=(1, 2, 3)))),
            **({} if mask is None else {"foreground_psnr": jnp.mean(_decibel(_masked_mean(squared, mask)))}),
            "codebook_usage": usage,
            "perplexity": perplexity,
        }

    def _distance(self, reconstruction: Video, clean: Video, mask: Mask | None) -> Float[Array, ""]:
        error = reconstruction - clean
        weight = jnp.ones(clean.shape[:-1]) if mask is None else jnp.where(mask, self.foreground_weight, 1.0)
        weight = weight[..., None]
        pixel = jnp.abs(error) + self.l2_weight * jnp.square(error)
        return jnp.sum(weight * pixel) / (3 * jnp.sum(weight))


def _mask(batch: PyTree) -> Mask | None:
    return batch["instance"] > 0 if "instance" in batch else None


def _masked_mean(squared: Float[Array, "b t h w"], mask: Mask) -> Float[Array, "b"]:
    return jnp.sum(squared * mask, axis=(1, 2, 3)) / jnp.maximum(jnp.sum(mask, axis=(1, 2, 3)), 1)


def _decibel(mse: Float[Array, "*b"]) -> Float[Array, "*b"]:
    return -10 * jnp.log10(jnp.maximum(mse, 1e-10))
