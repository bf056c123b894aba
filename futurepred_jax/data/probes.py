"""Pairs of clips that part behind an occluder: in one the hidden target goes on, in the other it defies physics.

What an object does unseen is known only when it is seen again, or is not: so the two share every context frame.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from futurepred_jax.data import counter_random
from futurepred_jax.data.looks import HUES
from futurepred_jax.data.scene import Scene

JUMP = 1.2  # metres that a target is moved behind the occluder's back

Numbers = Float[np.ndarray, "2"]  # in (0, 1)


def vanish(scene: Scene, slot: int, numbers: Numbers) -> Scene:
    """It is gone."""
    del numbers
    alive = scene.alive.copy()
    alive[scene.context :, slot] = False
    return dataclasses.replace(scene, alive=alive, hidden=scene.hidden & alive)


def recolour(scene: Scene, slot: int, numbers: Numbers) -> Scene:
    """It comes out in a colour that no target had."""
    free = np.setdiff1d(np.arange(len(HUES)), scene.hue)
    hue = free[counter_random.pick(numbers[:1], len(free))[0]]
    return _swap(scene, slot, hue=hue, rgb=HUES[hue])


def reshape(scene: Scene, slot: int, numbers: Numbers) -> Scene:
    """It comes out in another shape."""
    others = np.setdiff1d(np.arange(4), scene.shape[slot])
    return _swap(scene, slot, shape=others[counter_random.pick(numbers[:1], len(others))[0]])


def jump(scene: Scene, slot: int, numbers: Numbers) -> Scene:
    """It goes on 1.2 m to one side."""
    eye, place = scene.camera.eye[scene.context], scene.position[scene.context, slot]
    aside = np.cross(place - eye, [0, 0, 1])
    position = scene.position.copy()
    position[scene.context :, slot] += np.sign(numbers[0] - 0.5) * JUMP * aside / np.linalg.norm(aside)
    hidden = scene.hidden.copy()
    hidden[scene.context :, slot] = False  # the occluder was set before where it was
    return dataclasses.replace(scene, position=position, hidden=hidden)


VIOLATIONS: dict[str, Callable[[Scene, int, Numbers], Scene]] = {
    "vanish": vanish,
    "recolour": recolour,
    "reshape": reshape,
    "jump": jump,
}
"""What a hidden target may do from the first future frame on, by name."""


def member(scene: Scene, key: counter_random.Key, which: int) -> Scene:
    """One of a pair's two clips; the pair's own draw says which of them is impossible.

    A scene in which nothing is hidden, which is flagged, is the same twice.
    """
    order, kind, *numbers = counter_random.uniform(key, np.zeros(1, np.int64), "probe", 4)[0]
    if which != int(order < 0.5) or not scene.hidden.any():
        return scene
    slot = int(scene.hidden.any(axis=0).argmax())
    violate = list(VIOLATIONS.values())[counter_random.pick(np.array([kind]), len(VIOLATIONS))[0]]
    return dataclasses.replace(violate(scene, slot, np.array(numbers)), possible=False)


def _swap(scene: Scene, slot: int, **looks) -> Scene:
    """Another object takes over the path, in the next slot of its role."""
    other = int(np.flatnonzero((scene.role == scene.role[slot]) & ~scene.exists)[0])
    fields = {}
    for name in ("position", "velocity", "rotation", "bounce", "collision", "hidden"):
        fields[name] = getattr(scene, name).copy()
        fields[name][:, other] = fields[name][:, slot]
    for name in ("size", "shape", "rgb", "hue", "family", "exists"):
        fields[name] = getattr(scene, name).copy()
        fields[name][other] = looks.get(name, fields[name][slot])
    alive = scene.alive.copy()
    alive[scene.context :, slot], alive[scene.context :, other] = False, True
    return dataclasses.replace(scene, **fields | {"alive": alive, "hidden": fields["hidden"] & alive})
