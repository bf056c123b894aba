"""Synthetic clips with the properties that a user chooses."""

import dataclasses
from collections.abc import Mapping

import numpy as np
from ml_collections import ConfigDict

from futurepred_jax import factory
from futurepred_jax.data.clips import make_clip, noisy
from futurepred_jax.data.scene import ROLES
from futurepred_jax.data.spec import ClutterSpec
from futurepred_jax.data.splits import CLUTTER_LEVELS
from futurepred_jax.data.trajectories import FAMILIES

SPLIT = "test_iid"  # no training uses the random keys of this split
ANY = "any"
MOTIONS = (ANY, *[name for name in FAMILIES if name != "static"])
MOST_OBJECTS = 6


@dataclasses.dataclass(frozen=True)
class Choice:
    """The scene that a user chooses.

    Attributes:
        objects: Number of targets.
        motion: Their family of motion, or ``ANY``.
        level: Level of clutter.
        occluder: Whether a target is hidden where the future begins.
        seed: Number of the scene.
    """

    objects: int = 3
    motion: str = ANY
    level: str = "moderate"
    occluder: bool = False
    seed: int = 0


def spec_of(choice: Choice, config: ConfigDict) -> ClutterSpec:
    """Returns the specification of the model's training clips, changed according to the choice.

    Raises:
        ValueError: If a choice is out of range; the message states the rule.
    """
    if choice.objects is None or choice.seed is None:
        raise ValueError("objects and seed: each must be a number")
    if choice.level not in CLUTTER_LEVELS:
        raise ValueError(f"clutter {choice.level!r}: known are {', '.join(CLUTTER_LEVELS)}")
    spec, objects = factory.spec(config), int(choice.objects)
    moved = {} if choice.motion == ANY else {"families": (choice.motion,), "static_share": 0.0}
    hidden: dict = {"level": CLUTTER_LEVELS[choice.level]}
    if choice.occluder:
        hidden = {"level": dataclasses.replace(CLUTTER_LEVELS[choice.level], occluder=1.0), "occlusion": "sure"}
        hidden |= {"occluders": ("pillar", "curtain"), "static_share": 0.0}
    return dataclasses.replace(spec, objects=(objects, objects), combinations="all", **(moved | hidden))


def draw(choice: Choice, config: ConfigDict) -> Mapping[str, np.ndarray]:
    """Renders the chosen clip with its labels, and adds ``noisy``, the frames that the model sees.

    Raises:
        ValueError: If a choice is out of range, or no target can be hidden in the scene.
    """
    spec = spec_of(choice, config)
    clip = make_clip(spec, SPLIT, int(choice.seed))
    if choice.occluder and not (clip["role"][clip["exists"]] == ROLES.index("occluder")).any():
        raise ValueError("no place for an occluder in this scene: take another seed or motion, or other objects")
    return {**clip, "noisy": noisy(spec, SPLIT, clip)}
