"""Training the outlook: squared distances of its expected codes and frames from the true ones."""

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

BLURS = (1, 2, 4)  # sides in pixels of the boxes over which errors of frames are averaged before they are squared


@dataclasses.dataclass(frozen=True)
class OutlookObjective:
    """Mean squared distance of guessed from true codes, in units of the codes' variance, and of guessed frames.

    Errors of frames are blurred, because the gradient of a blurred error moves a misplaced object towards its true
    place, where that of a sharp one would make it fade.

    Batches have the ``tokens`` of whole clips, integers [b lt lh lw g], and their frames in two parts, uint8
    [b t h w 3]: ``context`` with noise and ``future`` without. The tokenizer's codes are not trained: they are model
    state. The distance of copies of the context's last latent frame is logged for comparison.

    Attributes:
        model: The outlook.
        codes: Vectors of the tokenizer's codes; None for random ones.
        accumulate: Number of turns in which a batch goes through the model.
    """

    model: Outlook
    codes: Float[Array, "g v e"] | None = None
    accumulate: int = 1

    def init(self, key: Key) -> tuple[PyTree, PyTree]:
        """Returns parameters, and the codes as model state."""
        variables = dict(self.model.init(key, blank_context(self.model)))
        codes = variables.pop("codes") if self.codes is None else {"codes": jnp.asarray(self.codes)}
        return variables["params"], {"codes": codes}

    def loss(self, params: PyTree, model_state: PyTree, batch: PyTree, *, key: Key, step: Array) -> Loss:
        """Returns the objective on a batch."""
        del key, step
        score = lambda *rows: self._distances(params, model_state, *rows)  # noqa: E731
        found = jax.tree.map(jnp.mean, in_chunks(score, self.accumulate, *self._rows(batch)))
        return Loss(found["distance"] + found["frames_distance"], model_state, found)

    def validate(self, params: PyTree, model_state: PyTree, batch: PyTree) -> dict[str, Array]:
        """Returns held-out distances; the loss is that of codes alone."""
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
    """Returns mean squared errors of frames after each blur of BLURS, weighted by its side and summed."""
    errors = [pixels * jnp.square(_blurred(ours - true, pixels)).mean(axis=(1, 2, 3, 4)) for pixels in BLURS]
    return jnp.sum(jnp.stack(errors), axis=0)


def _blurred(frames: Video, pixels: int) -> Float[Array, "b t y x c"]:
    return reduce(frames, "b t (h y) (w x) c -> b t h w c", "mean", y=pixels, x=pixels)
