"""How well paths are foreseen from places alone, without pictures, for errors of those places: a mark, and no bound.

python -m futurepred_jax.benchmarks.tracks [--preset=tiny] [--errors 0 0.1 0.25 0.5]

A network is trained on the targets' places in the pictures of a preset's training split, from those of the context to
those of the future, and scored on test_iid, by motion. It is told each place with an error of so many pixels in the
mean, another one in every frame, as somebody would who finds objects in pictures one by one. Constant velocity is of
the last two true places.
"""

import argparse
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn
from jax import random
from jaxtyping import Array, Float, PyTree

from futurepred_jax import factory
from futurepred_jax.configs import baseline, shared
from futurepred_jax.data import camera
from futurepred_jax.data.scene import ROLES
from futurepred_jax.data.scene_generation import make_scene
from futurepred_jax.data.spec import ClutterSpec, in_split
from futurepred_jax.data.trajectories import FAMILIES
from futurepred_jax.metrics.kinds import motions
from futurepred_jax.metrics.table import grid, number

TRAIN_CLIPS, TEST_CLIPS = 12_288, 1024
STEPS, BATCH, WIDTH, DEPTH = 20_000, 256, 256, 3
LEARNING_RATE = 2e-3
PER_DEVIATION = float(np.sqrt(np.pi / 2))  # mean distance of a normal error of two coordinates, in their deviations


class Tracks(NamedTuple):
    """Targets of a split: their centres (x, y) in px, and the names of their motions."""

    places: Float[np.ndarray, "n t 2"]
    families: np.ndarray


class Foreseer(nn.Module):
    """Predicts the places of the future from those of the context."""

    future: int

    @nn.compact
    def __call__(self, seen: Float[Array, "n past 2"], size: int) -> Float[Array, "n future 2"]:
        """Returns the predicted places in px."""
        last = seen[:, -1:]
        x = jnp.concatenate([(seen - last).reshape(len(seen), -1), seen[:, -1] / size], axis=-1)
        for _ in range(DEPTH):
            x = nn.silu(nn.Dense(WIDTH)(x))
        return last + nn.Dense(2 * self.future)(x).reshape(-1, self.future, 2)


def tracks(spec: ClutterSpec, split: str, clips: int) -> Tracks:
    """Returns the paths of the targets in the first clips of a split, without rendering the clips."""
    spec, places, families = in_split(spec, split), [], []
    for index in range(clips):
        scene = make_scene(spec, split, index)
        targets = np.flatnonzero((scene.role == ROLES.index("target")) & scene.exists)
        pixels = camera.project(camera.pose(scene.camera, spec.size), scene.position).pixel
        places.append(np.moveaxis(pixels[:, targets], 0, 1))
        families.append(np.array(list(FAMILIES))[scene.family[targets]])
    return Tracks(np.concatenate(places).astype(np.float32), np.concatenate(families))


def told(places: Float[Array, "n t 2"], error: float | Float[Array, ""], key: Array) -> Float[Array, "n t 2"]:
    """Adds independent errors to places, whose mean distance is ``error`` px."""
    return places + error / PER_DEVIATION * random.normal(key, places.shape)


def distances(foreseen: Array, true: Array) -> Float[Array, "n future"]:
    """Returns distances in px between places; the gradient is defined where they are equal."""
    return jnp.sqrt(jnp.sum(jnp.square(foreseen - true), axis=-1) + 1e-6)


@partial(jax.jit, static_argnames=("context", "size", "steps"))
def train(
    places: Float[Array, "n t 2"], error: float | Float[Array, ""], *, context: int, size: int, steps: int
) -> PyTree:
    """Trains the network and returns its variables."""
    module, (key, start) = Foreseer(places.shape[1] - context), random.split(random.key(0))
    variables = module.init(start, places[:1, :context], size)
    optimizer = optax.adamw(optax.cosine_decay_schedule(LEARNING_RATE, steps))

    def loss(variables: PyTree, clips: Array, key: Array) -> Array:
        foreseen: Any = module.apply(variables, told(clips[:, :context], error, key), size)
        return jnp.mean(distances(foreseen, clips[:, context:]))

    def step(carry: Any, key: Array) -> tuple[Any, None]:
        variables, state = carry
        which, noise = random.split(key)
        clips = places[random.randint(which, (BATCH,), 0, len(places))]
        updates, state = optimizer.update(jax.grad(loss)(variables, clips, noise), state, variables)
        return (optax.apply_updates(variables, updates), state), None

    return jax.lax.scan(step, (variables, optimizer.init(variables)), random.split(key, steps))[0][0]


def errors_by_motion(
    train_on: Tracks, test_on: Tracks, told_errors: list[float], *, context: int, size: int, steps: int = STEPS
) -> dict[str, Float[np.ndarray, "columns"]]:
    """Returns mean position errors in px by motion: of constant velocity, then of the network for each input error."""
    seen, future = jnp.split(jnp.asarray(test_on.places), [context], axis=1)
    since = np.arange(1, future.shape[1] + 1)[:, None]
    columns = [distances(seen[:, -1:] + since * (seen[:, -1:] - seen[:, -2:-1]), future)]
    for error in told_errors:
        variables = train(jnp.asarray(train_on.places), error, context=context, size=size, steps=steps)
        foreseen: Any = Foreseer(future.shape[1]).apply(variables, told(seen, error, random.key(1)), size)
        columns.append(distances(foreseen, future))
    each = np.stack([np.mean(column, axis=1) for column in columns], axis=1)
    return {motion: each[mine].mean(axis=0) for motion, mine in motions(test_on.families).items()}


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", choices=shared.PRESETS, default="tiny")
    parser.add_argument("--errors", type=float, nargs="+", default=[0.0, 0.1, 0.25, 0.5], help="pixels")
    asked = parser.parse_args()
    spec = factory.spec(baseline.get_config(asked.preset))
    train_on, test_on = tracks(spec, "train", TRAIN_CLIPS), tracks(spec, "test_iid", TEST_CLIPS)
    found = errors_by_motion(train_on, test_on, asked.errors, context=spec.context_frames, size=spec.size)
    header = ["motion", "constant velocity px", *[f"told within {error:g} px" for error in asked.errors]]
    print(grid(header, [[motion, *[number(float(value), 2) for value in row]] for motion, row in found.items()]))


if __name__ == "__main__":
    main()
