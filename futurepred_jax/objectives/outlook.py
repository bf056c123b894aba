"""Training a first guess of the future: the squared distance of the codes it expects to the true ones."""

import dataclasses
import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from futurepred_jax.arrays import Key, Tokens
from futurepred_jax.models.outlook import Outlook
from futurepred_jax.objectives.chunks import in_chunks
from futurepred_jax.objectives.loss import Loss
from futurepred_jax.objectives.prediction import flat


@dataclasses.dataclass(frozen=True)
class OutlookObjective:
    """Mean squared distance from the guess to the true codes, in units of the codes' variance.

    Batches have ``tokens``, integers [b lt lh lw g], the whole clip's. The codes are the tokenizer's and stay as they
    are: they are model state. Copying the last latent frame of the context is measured beside the guess.

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
        tokens = jnp.zeros((1, math.prod(self.model.grid), len(self.model.sizes)), jnp.int32)
        variables = dict(self.model.init(key, tokens))
        codes = variables.pop("codes") if self.codes is None else {"codes": jnp.asarray(self.codes)}
        return variables["params"], {"codes": codes}

    def loss(self, params: PyTree, model_state: PyTree, batch: PyTree, *, key: Key, step: Array) -> Loss:
        """The objective on a batch."""
        del key, step
        score = lambda tokens: self._distances(params, model_state, tokens)  # noqa: E731
        found = jax.tree.map(jnp.mean, in_chunks(score, self.accumulate, flat(batch["tokens"])))
        return Loss(found["distance"], model_state, found)

    def validate(self, params: PyTree, model_state: PyTree, batch: PyTree) -> dict[str, Array]:
        """Held-out distance of the guess, and of the context's last frame."""
        found = jax.tree.map(jnp.mean, self._distances(params, model_state, flat(batch["tokens"])))
        return {"loss": found["distance"], **found}

    def _distances(self, params: PyTree, model_state: PyTree, tokens: Tokens) -> dict[str, Float[Array, "b"]]:
        guess = self.model.apply({"params": params, **model_state}, tokens).codes  # pyright: ignore
        sizes, book = self.model.sizes, model_state["codes"]["codes"]
        codes = book[jnp.arange(len(sizes)), tokens]
        start, frame = tokens.shape[1] - guess.shape[1], math.prod(self.model.grid[1:])
        true, last = codes[:, start:], jnp.tile(codes[:, start - frame : start], (1, guess.shape[1] // frame, 1, 1))
        spread = jnp.stack([jnp.sum(jnp.var(code[:size], axis=0)) for code, size in zip(book, sizes, strict=True)])
        distance = lambda ours: jnp.mean(jnp.sum(jnp.square(ours - true), axis=-1) / spread, axis=(1, 2))  # noqa: E731
        return {"distance": distance(guess), "copy_last_distance": distance(last)}
