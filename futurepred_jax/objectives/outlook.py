"""Training a first guess of the future: squared distances of the codes and frames it expects to the true ones."""

import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp
from einops import reduce
from jaxtyping import Array, Float, PyTree, UInt8

from futurepred_jax.arrays import Frames, Key, Tokens, Video
from futurepred_jax.models.outlook import Outlook
from futurepred_jax.objectives.chunks import in_chunks
from futurepred_jax.objectives.loss import Loss
from futurepred_jax.objectives.prediction import blank_context, flat
from futurepred_jax.pixels import to_signed

BLURS = (1, 2, 4)  # pixels, on a side, over which errors of guessed frames are averaged before they are squared


@dataclasses.dataclass(frozen=True)
class OutlookObjective:
    """Mean squared distance from the guess to the true codes, in units of the codes' variance.

    The distance of its frames counts besides, blurred, by the pixels on a side of the blur: an object a little off its
    place is pulled towards it, where sharp frames alone would have it fade.

    Batches have ``tokens``, integers [b lt lh lw g], the whole clip's, and two parts of its frames, uint8 [b t h w 3],
    ``context``, with noise, and ``future``, without. The codes are the tokenizer's and stay as they are: they are model
    state. Copying the last latent frame of the context is measured beside the guess.

    Attributes:
        model: what guesses.
        codes: the vectors of the tokenizer's codes; random ones without them.
        accumulate: turns in which a batch goes through the model.
    """

    model: Outlook
    codes: Float[Array, "g v e"] | None = None
    accumulate: int = 1

    def init(self, key: Key) -> tuple[PyTree, PyTree]:
        """Parameters, and the codes."""
        variables = dict(self.model.init(key, blank_context(self.model)))
        codes = variables.pop("codes") if self.codes is None else {"codes": jnp.asarray(self.codes)}
        return variables["params"], {"codes": codes}

    def loss(self, params: PyTree, model_state: PyTree, batch: PyTree, *, key: Key, step: Array) -> Loss:
        """The objective on a batch."""
        del key, step
        score = lambda *rows: self._distances(params, model_state, *rows)  # noqa: E731
        found = jax.tree.map(jnp.mean, in_chunks(score, self.accumulate, *self._rows(batch)))
        return Loss(found["distance"] + found["frames_distance"], model_state, found)

    def validate(self, params: PyTree, model_state: PyTree, batch: PyTree) -> dict[str, Array]:
        """Held-out distance of the guess, and of the context's last frame; the loss is that of codes."""
        found = jax.tree.map(jnp.mean, self._distances(params, model_state, *self._rows(batch)))
        return {"loss": found["distance"], **found}

    def _rows(self, batch: PyTree) -> tuple[Array, ...]:
        return flat(batch["tokens"]), batch["context"], batch["future"]

    def _distances(
        self,
        params: PyTree,
        model_state: PyTree,
        tokens: Tokens,
        context: Frames,
        future: UInt8[Array, "b future h w c"],
    ) -> dict[str, Float[Array, "b"]]:
        found: Any = self.model.apply({"params": params, **model_state}, to_signed(context))
        of_frames = blurred_distance(found.frames, self.model.shrunk(to_signed(future)))
        return {**self._of_codes(found.codes, model_state, tokens), "frames_distance": of_frames}

    def _of_codes(
        self, guess: Float[Array, "b rest g e"], model_state: PyTree, tokens: Tokens
    ) -> dict[str, Float[Array, "b"]]:
        sizes, book = self.model.sizes, model_state["codes"]["codes"]
        codes = book[jnp.arange(len(sizes)), tokens]
        start, frame = tokens.shape[1] - guess.shape[1], math.prod(self.model.grid[1:])
        true, last = codes[:, start:], jnp.tile(codes[:, start - frame : start], (1, guess.shape[1] // frame, 1, 1))
        spread = jnp.stack([jnp.sum(jnp.var(code[:size], axis=0)) for code, size in zip(book, sizes, strict=True)])
        distance = lambda ours: jnp.mean(jnp.sum(jnp.square(ours - true), axis=-1) / spread, axis=(1, 2))  # noqa: E731
        return {"distance": distance(guess), "copy_last_distance": distance(last)}


def blurred_distance(ours: Video, true: Video) -> Float[Array, "b"]:
    """Mean squared error of frames after each of BLURS, times its pixels on a side, summed over them."""
    errors = [pixels * jnp.square(_blurred(ours - true, pixels)).mean(axis=(1, 2, 3, 4)) for pixels in BLURS]
    return jnp.sum(jnp.stack(errors), axis=0)


def _blurred(frames: Video, pixels: int) -> Float[Array, "b t y x c"]:
    return reduce(frames, "b t (h y) (w x) c -> b t h w c", "mean", y=pixels, x=pixels)
