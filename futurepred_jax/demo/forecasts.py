"""A model's forecast: one future by its default sampling, several samples, and the likelihood of the true future."""

import dataclasses
from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, UInt8

from futurepred_jax.data.scene import ROLES
from futurepred_jax.demo.scenes import MOST_OBJECTS
from futurepred_jax.interface import Predictor
from futurepred_jax.metrics.tracking import Targets, evaluable, track
from futurepred_jax.metrics.truth import targets_of
from futurepred_jax.pixels import to_uint8

SAMPLES = 4

Film = UInt8[np.ndarray, "t h w 3"]
Later = UInt8[np.ndarray, "n h w 3"]


@dataclasses.dataclass(frozen=True)
class Tracks:
    """Places (x, y) in px of the objects in each future frame, NaN where they are not found or not visible."""

    places: Float[np.ndarray, "t k 2"]
    error: float  # px, mean distance from the true places; NaN for the truth itself


@dataclasses.dataclass(frozen=True)
class Future:
    """One future, with the bits per token that the model's likelihood assigns to it."""

    name: str
    film: Later
    bits: float
    tracks: Tracks | None = None


@dataclasses.dataclass(frozen=True)
class Forecast:
    """A context with its futures.

    Attributes:
        context: The context frames.
        truth: The true future, if it is known.
        surprise: Bits of each token of the true future, if it is known.
        guesses: The predicted futures.
    """

    context: Film
    truth: Future | None
    surprise: Float[np.ndarray, "lt lh lw"] | None
    guesses: tuple[Future, ...]


def forecast(
    predictor: Predictor,
    context: Film,
    truth: Later | None = None,
    *,
    seed: int = 0,
    labels: Mapping[str, np.ndarray] | None = None,
) -> Forecast:
    """Predicts as many future frames as in training.

    Args:
        predictor: The model.
        context: Context frames, at least as many as the model sees.
        truth: The frames that truly followed, if they are known.
        seed: Seed of the sampling.
        labels: Labels of a synthetic clip, with which its objects are tracked.
    """
    future = predictor.config.data.frames - predictor.context_frames
    key = jax.random.key(seed)
    one = predictor(context[None], num_frames=future, key=key)
    several = predictor(context[None], num_frames=future, num_samples=SAMPLES, key=key)
    films = np.concatenate([np.asarray(one.video[0]), np.asarray(several.video[0])])
    nats = np.concatenate([np.asarray(one.log_likelihood[0]), np.asarray(several.log_likelihood[0])])
    bits = -nats / np.log(2) / int(np.prod(one.tokens.shape[2:5]))
    targets = None if labels is None else _targets(labels, predictor.context_frames, future)
    names = ["Best guess", *[f"Drawn {number + 1}" for number in range(SAMPLES)]]
    guesses = tuple(
        Future(name, to_uint8(film), float(bit), None if targets is None else _tracks(film, targets))
        for name, film, bit in zip(names, films, bits, strict=True)
    )
    if truth is None:
        return Forecast(context, None, None, guesses)
    surprise = np.asarray(predictor.bits(context[None], truth[None])[0])
    tracks = None if targets is None else _true_tracks(targets, truth.shape[1])
    return Forecast(context, Future("What happened", truth, float(surprise.mean()), tracks), surprise, guesses)


def _targets(labels: Mapping[str, np.ndarray], context: int, frames: int) -> Targets:
    batch = {name: np.asarray(values)[None] for name, values in labels.items()}
    roles = {role: number for number, role in enumerate(ROLES)}
    return targets_of(batch, slice(context, context + frames), slots=MOST_OBJECTS, roles=roles)


def _tracks(film: Float[np.ndarray, "t h w 3"], targets: Targets) -> Tracks:
    found = track(jnp.clip(jnp.asarray(film)[None], 0, 1), targets)
    here = np.asarray(found.detected[0])
    counted = here & np.asarray(evaluable(targets, film.shape[1])[0])
    distance = np.linalg.norm(np.asarray(found.place[0] - targets.place[0]), axis=-1)
    error = float(distance[counted].mean()) if counted.any() else float("nan")
    return Tracks(np.where(here[..., None], np.asarray(found.place[0]), np.nan), error)


def _true_tracks(targets: Targets, height: int) -> Tracks:
    seen = np.asarray(evaluable(targets, height)[0])
    return Tracks(np.where(seen[..., None], np.asarray(targets.place[0]), np.nan), float("nan"))
