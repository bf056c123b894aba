"""Who plays in a scene: role, lifetime, looks and size of each object, before it has a place."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from futurepred_jax.data import clutter, counter_random
from futurepred_jax.data.looks import HUES, about, about_z, directions, greyish, held_out
from futurepred_jax.data.scene import ROLES, SHAPES
from futurepred_jax.data.shapes import HALF_EXTENTS, bounding_radius
from futurepred_jax.data.spec import MOST_BODIES, ClutterSpec
from futurepred_jax.data.trajectories import FAMILIES, GROUNDED, JOINT

RADIUS = (0.4, 0.7)  # metres, so that an object at 8.5 m covers at least 12 px of a 32² frame
YAW_RATE = 0.6  # rad/s at most
TUMBLE_RATE = 1.5
STATIC_MARGIN = 0.6  # of ``static_share`` is drawn, so that a sample of some hundred targets keeps the bound
STATIC_CLUTTER = 0.4  # share of clutter that stands still

TARGET = ROLES.index("target")
NAMES = tuple(FAMILIES)
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
    axis: Float[np.ndarray, "k 3"]  # unit vector that the object turns about
    angle: Float[np.ndarray, "k"]  # radians at time 0
    rate: Float[np.ndarray, "k"]  # rad/s
    alive: Bool[np.ndarray, "t k"]

    @property
    def upright(self) -> Bool[np.ndarray, "k"]:
        """Objects that turn about the vertical, if at all."""
        return self.axis[:, 2] == 1

    @property
    def reach(self) -> Float[np.ndarray, "k"]:
        """Metres from the centre to the farthest point: of an upright object, at its height or straight above it."""
        corner = np.where(self.shape == SHAPES.index("cube"), np.sqrt(2), 1)
        upright = np.maximum(self.size[:, :2].max(axis=1) * corner, self.size[:, 2])
        return self._or_whole(upright)

    @property
    def clearance(self) -> Float[np.ndarray, "k"]:
        """Metres from the centre to the lowest point, however the object turns."""
        return self._or_whole(self.size[:, 2])

    def _or_whole(self, length: Float[np.ndarray, "k"]) -> Float[np.ndarray, "k"]:
        """A length of what stands upright; of what tumbles, the radius that holds all of it."""
        if self.upright.all():
            return length
        return np.where(self.upright, length, bounding_radius(self.shape, self.size))

    def rotation(self, times: Float[np.ndarray, "t"]) -> Float[np.ndarray, "t k 3 3"]:
        """Object axes to world axes."""
        angle = self.angle + self.rate * times[:, None]
        rotation, tumbling = about_z(angle), ~self.upright
        if tumbling.any():
            rotation[:, tumbling] = about(self.axis[tumbling], angle[:, tumbling])
        return rotation

    def take(self, index: Int[np.ndarray, "n"]) -> "Cast":
        """Some of the objects."""
        return Cast(*(field[index] for field in self[:-1]), alive=self.alive[:, index])

    def join(self, other: "Cast") -> "Cast":
        """These objects, then the other's."""
        pairs = zip(self[:-1], other[:-1], strict=True)
        return Cast(*(np.concatenate(pair) for pair in pairs), alive=np.concatenate([self.alive, other.alive], axis=1))


def draw_cast(spec: ClutterSpec, key: counter_random.Key, numbers: dict[str, Float[np.ndarray, "_"]]) -> Cast:
    """Draw all objects: targets in distinct hues, clutter in colours that are no target's.

    Args:
        spec: the specification.
        key: the clip's.
        numbers: in (0, 1), the clip's own factors "targets", "hue", "persistent" and "joint".
    """
    fewest, most = spec.objects
    targets = np.arange(fewest + counter_random.pick(numbers["targets"], most - fewest + 1)[0])
    lives = clutter.draw_lives(spec, key, numbers["persistent"])
    element = np.concatenate([targets, lives.element])
    role = np.concatenate([np.full(len(targets), TARGET), lives.role])
    alive = np.concatenate([np.ones((spec.length, len(targets)), bool), lives.alive], axis=1)
    hue = np.full(len(element), -1)
    hue[: len(targets)] = np.argsort(numbers["hue"], kind="stable")[: len(targets)]
    drawn = counter_random.uniform_of(key, element, _LOOKS)
    looks = {name: values if values.shape[1] > 1 else values[:, 0] for name, values in drawn.items()}
    family = _family(spec, looks, role == TARGET)
    if _meet(spec, float(numbers["joint"][0]), len(targets)):
        family[: len(targets)] = NAMES.index(JOINT)
    return _with_looks(spec, key, looks, element=element, role=role, hue=hue, family=family, alive=alive)


def _with_looks(spec: ClutterSpec, key: counter_random.Key, looks: dict[str, np.ndarray], **known) -> Cast:
    target, hue = known["role"] == TARGET, known["hue"]
    shape = _shape(spec, looks["shape"], hue, known["family"], target)
    radius = RADIUS[0] + (RADIUS[1] - RADIUS[0]) * looks["radius"]
    axis = _axis(spec, key, known["element"], known["family"])
    return Cast(
        shape=shape,
        size=radius[:, None] * HALF_EXTENTS[shape],
        rgb=np.where(target[:, None], HUES[hue], greyish(looks["tone"], looks["tint"])),
        axis=axis,
        angle=2 * np.pi * looks["yaw"],
        rate=np.where(axis[:, 2] == 1, YAW_RATE, TUMBLE_RATE) * (2 * looks["yaw rate"] - 1),
        **known,
    )


def _family(spec: ClutterSpec, looks: dict[str, np.ndarray], target: Bool[np.ndarray, "k"]) -> Int[np.ndarray, "k"]:
    """A family for each object, as if none met."""
    static = NAMES.index("static")
    moving = np.array([NAMES.index(name) for name in spec.families if name not in ("static", JOINT)], np.int64)
    if len(moving) == 0:
        return np.full(len(target), static)
    drawn = moving[counter_random.pick(looks["family"], len(moving))]
    still = looks["static"] < np.where(target, STATIC_MARGIN * spec.static_share, STATIC_CLUTTER)
    return np.where(still, static, drawn) if "static" in spec.families else drawn


def _meet(spec: ClutterSpec, number: float, targets: int) -> bool:
    """Whether the targets of a clip are bodies that collide: as likely as any other family."""
    share = (JOINT in spec.families) / len(set(spec.families) - {"static"} or {"static"})
    return number < share and targets <= MOST_BODIES


def _shape(spec: ClutterSpec, numbers, hue, family, target) -> Int[np.ndarray, "k"]:
    """One of the shapes that the rule of combinations leaves to each object, each equally likely."""
    shapes = np.array([SHAPES.index(name) for name in spec.shapes])
    if spec.combinations == "all":
        return shapes[counter_random.pick(numbers, len(shapes))]
    pair = held_out(shapes, hue[:, None], family[:, None])
    left = np.cumsum(np.where(target[:, None] & (spec.combinations == "held_out"), pair, ~pair), axis=1)
    return shapes[(left > counter_random.pick(numbers, left[:, -1])[:, None]).argmax(axis=1)]


def _axis(spec: ClutterSpec, key: counter_random.Key, element, family) -> Float[np.ndarray, "k 3"]:
    upright = np.tile([0.0, 0.0, 1.0], (len(element), 1))
    if spec.rotation == "yaw":
        return upright
    grounded = np.isin(family, [NAMES.index(name) for name in GROUNDED])
    return np.where(grounded[:, None], upright, directions(counter_random.uniform(key, element, "axis", 2)))
