"""Who plays in a scene: role, lifetime, looks and size of each object, before it has a place."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from futurepred_jax.data import clutter, random
from futurepred_jax.data.scene import ROLES, SHAPES
from futurepred_jax.data.spec import HUES, ClutterSpec
from futurepred_jax.data.trajectories import FAMILIES

RADIUS = (0.4, 0.7)  # metres, so that an object at 8.5 m covers at least 12 px of a 32² frame
HALF_EXTENTS = np.array(  # of SHAPES at radius 1: about the same area in the picture
    [[1.0, 1.0, 1.0], [0.8, 0.8, 0.8], [0.85, 0.85, 0.9], [1.0, 1.0, 1.0]]
)
YAW_RATE = 0.6  # rad/s at most
STATIC_MARGIN = 0.6  # of ``static_share`` is drawn, so that a sample of some hundred targets keeps the bound
STATIC_CLUTTER = 0.4  # share of clutter that stands still

TARGET = ROLES.index("target")
_LOOKS = {"family": 1, "static": 1, "shape": 1, "radius": 1, "yaw": 1, "yaw rate": 1, "tone": 1, "tint": 3}


class Cast(NamedTuple):
    """``k`` objects in the order of their roles, and of their births within a role."""

    element: Int[np.ndarray, "k"]  # number of the object's draws
    role: Int[np.ndarray, "k"]
    family: Int[np.ndarray, "k"]
    shape: Int[np.ndarray, "k"]
    size: Float[np.ndarray, "k 3"]
    rgb: Float[np.ndarray, "k 3"]
    hue: Int[np.ndarray, "k"]
    yaw: Float[np.ndarray, "k"]  # radians at time 0
    yaw_rate: Float[np.ndarray, "k"]  # rad/s
    alive: Bool[np.ndarray, "t k"]

    @property
    def reach(self) -> Float[np.ndarray, "k"]:
        """Metres from the centre to the farthest point at its height or straight above it."""
        corner = np.where(self.shape == SHAPES.index("cube"), np.sqrt(2), 1)
        return np.maximum(self.size[:, 0] * corner, self.size[:, 2])

    def take(self, index: Int[np.ndarray, "n"]) -> "Cast":
        """Some of the objects."""
        return Cast(*(field[index] for field in self[:-1]), alive=self.alive[:, index])

    def join(self, other: "Cast") -> "Cast":
        """These objects, then the other's."""
        pairs = zip(self[:-1], other[:-1], strict=True)
        return Cast(*(np.concatenate(pair) for pair in pairs), alive=np.concatenate([self.alive, other.alive], axis=1))


def draw_cast(spec: ClutterSpec, key: random.Key, numbers: dict[str, Float[np.ndarray, "_"]]) -> Cast:
    """Draw all objects: targets in distinct hues, clutter in colours that are no target's.

    Args:
        spec: the specification.
        key: the clip's.
        numbers: in (0, 1), the clip's own factors "targets", "hue" and "persistent".
    """
    fewest, most = spec.objects
    targets = np.arange(fewest + random.pick(numbers["targets"], most - fewest + 1)[0])
    lives = clutter.draw_lives(spec, key, numbers["persistent"])
    element = np.concatenate([targets, lives.element])
    role = np.concatenate([np.full(len(targets), TARGET), lives.role])
    alive = np.concatenate([np.ones((spec.frames, len(targets)), bool), lives.alive], axis=1)
    hue = np.full(len(element), -1)
    hue[: len(targets)] = np.argsort(numbers["hue"], kind="stable")[: len(targets)]
    return _with_looks(spec, key, element, role, hue, alive)


def greyish(tone: Float[np.ndarray, "k"], tint: Float[np.ndarray, "k 3"]) -> Float[np.ndarray, "k 3"]:
    """Turn numbers in (0, 1) to colours near grey, dark or light: apart from every hue, and from a plain floor."""
    value = np.where(tone < 0.5, 0.12 + 0.56 * tone, 0.72 + 0.5 * (tone - 0.5))
    return value[:, None] * (1 - 0.25 * tint)


def _with_looks(spec: ClutterSpec, key: random.Key, element, role, hue, alive) -> Cast:
    numbers = random.uniform_of(key, element, _LOOKS)
    looks = {name: values if values.shape[1] > 1 else values[:, 0] for name, values in numbers.items()}
    target = role == TARGET
    still = looks["static"] < np.where(target, STATIC_MARGIN * spec.static_share, STATIC_CLUTTER)
    shape = random.pick(looks["shape"], len(SHAPES))
    radius = RADIUS[0] + (RADIUS[1] - RADIUS[0]) * looks["radius"]
    return Cast(
        element=element,
        role=role,
        family=_family(spec, looks["family"], still),
        shape=shape,
        size=radius[:, None] * HALF_EXTENTS[shape],
        rgb=np.where(target[:, None], HUES[hue], greyish(looks["tone"], looks["tint"])),
        hue=hue,
        yaw=2 * np.pi * looks["yaw"],
        yaw_rate=YAW_RATE * (2 * looks["yaw rate"] - 1),
        alive=alive,
    )


def _family(spec: ClutterSpec, numbers, still) -> Int[np.ndarray, "k"]:
    names = tuple(FAMILIES)
    static = names.index("static")
    moving = np.array([names.index(name) for name in spec.families if name != "static"], np.int64)
    if len(moving) == 0:
        return np.full(len(numbers), static)
    drawn = moving[random.pick(numbers, len(moving))]
    return np.where(still, static, drawn) if "static" in spec.families else drawn
