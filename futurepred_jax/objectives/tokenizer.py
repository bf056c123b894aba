"""Training a tokenizer: draw the noise-free video from a noisy one, the objects above all."""

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


class Drawing(NamedTuple):
    """The objective on a batch, what the batch was quantized to, and what was drawn of it."""

    loss: Loss
    quantized: Quantized
    video: Video


@dataclasses.dataclass(frozen=True)
class TokenizerObjective:
    """Foreground-weighted L1 + L2 to the noise-free video, and the commitment of the encoder to its codes.

    Batches have ``noisy`` and ``video`` (uint8 [b t h w 3], the same without noise) and, where the objects are known,
    ``instance`` (uint8 [b t h w], 0 on the background); without it every pixel weighs the same. A random half of the
    clips goes in without noise: futures are tokenized noise-free.

    Attributes:
        model: the tokenizer.
        shape: of one clip, (t, h, w).
        foreground_weight: of a pixel on an object; the background's is 1. Without it the easy background hides that the
            objects are not drawn.
        l2_weight: of the squared error beside the absolute one.
        commitment_weight: beta of VQ-VAE.
        entropy_weight: of LFQ's entropy penalty; other quantizers have none.
        warm_steps: first steps, without quantization: the codebook then starts on latents that mean something.
        accumulate: turns in which a batch goes through the encoder, and again through the decoder.
        start: the variables to start from; none: at random.
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
        """Parameters and codebook."""
        start: Any = self.model.init(key, jnp.zeros((1, *self.shape, 3))) if self.start is None else self.start
        variables = dict(start)
        params = variables.pop("params")
        return params, variables

    def loss(self, params: PyTree, model_state: PyTree, batch: PyTree, *, key: Key, step: Array) -> Loss:
        """The objective on a batch, with the codebook's update."""
        return self.draw_some_noisy(params, model_state, batch, key=key, step=step).loss

    def draw_some_noisy(self, params: PyTree, model_state: PyTree, batch: PyTree, *, key: Key, step: Array) -> Drawing:
        """The objective on a batch of which a random half goes in with noise."""
        choice_key, codebook_key = jax.random.split(key)
        noisy = jax.random.bernoulli(choice_key, 0.5, (batch["video"].shape[0], 1, 1, 1, 1))
        video = jnp.where(noisy, to_signed(batch["noisy"]), to_signed(batch["video"]))
        return self.drawing(params, model_state, video, batch, key=codebook_key, active=step >= self.warm_steps)

    def drawing(
        self,
        params: PyTree,
        model_state: PyTree,
        video: Video,
        batch: PyTree,
        *,
        key: Key,
        active: Bool[Array, ""] | bool = True,
    ) -> Drawing:
        """The objective on frames that were noisy or not.

        Args:
            params: Of the model.
            model_state: Codebook.
            video: What goes in.
            batch: ``video``, what should come out, and ``instance``.
            key: Of the codebook's revival.
            active: False leaves out the quantization.
        """
        clean, mask = to_signed(batch["video"]), _mask(batch)
        variables = {"params": params, **model_state}
        encode = lambda video: self.model.apply(variables, video, method="latents")  # noqa: E731
        draw = lambda latents: self.model.apply(variables, latents, method="draw")  # noqa: E731
        quantized, updated = self.model.apply(  # pyright: ignore[reportGeneralTypeIssues]
            variables,
            in_chunks(encode, self.accumulate, video),
            train=True,
            key=key,
            active=active,
            method="quantize",
            mutable=list(model_state),
        )
        drawn = in_chunks(draw, self.accumulate, quantized.latents)
        distance = self._distance(drawn, clean, mask)
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
        return Drawing(Loss(value, dict(updated), metrics), quantized, drawn)

    def validate(self, params: PyTree, model_state: PyTree, batch: PyTree) -> dict[str, Array]:
        """Held-out quality of reconstructions of noise-free clips, quantized whatever the step."""
        clean, mask = to_signed(batch["video"]), _mask(batch)
        drawn, quantized = self.model.apply({"params": params, **model_state}, clean)  # pyright: ignore
        squared = jnp.mean(jnp.square((jnp.clip(drawn, -1, 1) - clean) / 2), axis=-1)
        usage, perplexity = codebook_usage(quantized.tokens, self.model.quantizer.sizes)  # pyright: ignore[reportAttributeAccessIssue]
        return {
            "loss": self._distance(drawn, clean, mask),
            "psnr": jnp.mean(_decibel(jnp.mean(squared, axis=(1, 2, 3)))),
            **({} if mask is None else {"foreground_psnr": jnp.mean(_decibel(_masked_mean(squared, mask)))}),
            "codebook_usage": usage,
            "perplexity": perplexity,
        }

    def _distance(self, drawn: Video, clean: Video, mask: Mask | None) -> Float[Array, ""]:
        error = drawn - clean
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
