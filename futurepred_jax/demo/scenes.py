"""A clip of clutter as somebody chose it."""

import dataclasses
from collections.abc import Mapping

import numpy as np
from ml_collections import ConfigDict

from futurepred_jax import factory
from futurepred_jax.data.clips import make_clip, noisy
from futurepred_jax.data.scene import ROLES
from futurepred_jax.data.spec import ClutterSpec
from futurepred_jax.data.splits import LEVELS
from futurepred_jax.data.trajectories import FAMILIES

SPLIT = "test_iid"  # whose keys no training has seen, whatever the choices
ANY = "any"
MOTIONS = (ANY, *[name for name in FAMILIES if name != "static"])
MOST_OBJECTS = 6


@dataclasses.dataclass(frozen=True)
class Choice:
    """A scene: targets, the family they move by, clutter, whether one is hidden at the border, and which of them."""

    objects: int = 3
    motion: str = ANY
    level: str = "moderate"
    occluder: bool = False
    seed: int = 0


def spec_of(choice: Choice, config: ConfigDict) -> ClutterSpec:
    """The model's own specification, changed as chosen.

    Raises:
        ValueError: a name or number is out of its range, with the rule.
    """
    if choice.objects is None or choice.seed is None:
        raise ValueError("objects and seed: each must be a number")
    if choice.level not in LEVELS:
        raise ValueError(f"clutter {choice.level!r}: known are {', '.join(LEVELS)}")
    spec, objects = factory.spec(config), int(choice.objects)
    moved = {} if choice.motion == ANY else {"families": (choice.motion,), "static_share": 0.0}
    hidden: dict = {"level": LEVELS[choice.level]}
    if choice.occluder:
        hidden = {"level": dataclasses.replace(LEVELS[choice.level], occluder=1.0), "occlusion": "sure"}
        hidden |= {"occluders": ("pillar", "curtain"), "static_share": 0.0}
    return dataclasses.replace(spec, objects=(objects, objects), combinations="all", **(moved | hidden))


def draw(choice: Choice, config: ConfigDict) -> Mapping[str, np.ndarray]:
    """The clip with its truth, and ``noisy``, what the model sees of it.

    Raises:
        ValueError: as ``spec_of``, or if nothing can be hidden.
    """
    spec = spec_of(choice, config)
    clip = make_clip(spec, SPLIT, int(choice.seed))
    if choice.occluder and not (clip["role"][clip["exists"]] == ROLES.index("occluder")).any():
        raise ValueError("no place for an occluder in this scene: take another seed or motion, or other objects")
    return {**clip, "noisy": noisy(spec, SPLIT, clip)}
