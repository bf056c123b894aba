"""What a set of clutter videos is: sizes, motions, clutter level; from it, a split and an index follow every clip."""

import dataclasses
import hashlib
import json

import numpy as np
from jaxtyping import Float

from futurepred_jax.data import random
from futurepred_jax.data.scene import ROLES
from futurepred_jax.data.trajectories import FAMILIES

SPEC_VERSION = "1"  # changes whenever the same (specification, split, index) would give another clip

SPLITS = ("train", "val_iid", "test_iid")
EVALUATION_SEED = 0  # of every split but train: another training seed is still judged on the same clips
SEEDS = 2**16  # a seed touches the low half of a key only; the high half is the split's, so splits never meet

CAPACITY = {"target": 12, "persistent": 12, "transient": 20, "occluder": 4}  # slots a role
SLOTS = sum(CAPACITY.values())

BACKGROUNDS = ("plain", "any")
CAMERAS = ("static", "orbit")

_SATURATION = 0.9
_CORNERS = np.array(  # twelve equal steps around the border of the triangle of chromas rgb / sum
    [
        *([4 - i, i, 0] for i in range(4)),
        *([0, 4 - i, i] for i in range(4)),
        *([i, 0, 4 - i] for i in range(4)),
    ]
)
HUES: Float[np.ndarray, "12 3"] = 1 - _SATURATION * (1 - _CORNERS / _CORNERS.max(1, keepdims=True))
"""Colours of targets; shading keeps a chroma, so a target is known by it."""


@dataclasses.dataclass(frozen=True)
class Intensities:
    """How strong each kind of clutter is, each in [0, 1] (as in the Distracting Control Suite, Stone et al. 2021)."""

    persistent: float = 0.0
    transient: float = 0.0
    occluder: float = 0.0
    noise: float = 0.0


LEVELS = {
    "clean": Intensities(),
    "minimal": Intensities(persistent=0.2, transient=0.2, noise=0.2),
    "moderate": Intensities(persistent=0.5, transient=0.5, noise=0.5),
    "heavy": Intensities(persistent=1.0, transient=1.0, occluder=0.5, noise=1.0),
}


@dataclasses.dataclass(frozen=True)
class ClutterSpec:
    """A distribution of clutter videos.

    Attributes:
        size: pixels a side.
        frames: frames a clip.
        fps: frames a second.
        level: a key of ``LEVELS``.
        families: keys of ``FAMILIES`` that objects move by.
        objects: fewest and most targets a clip.
        background: "plain" (the same floor and sky in every clip) or "any".
        camera: "static" (the same pose in every clip) or "orbit".
        samples: samples a pixel, along each side.
        static_share: at most this share of targets stands still.
        seed: of the training split, in [0, 65536); the other splits do not depend on it.

    Raises:
        ValueError: a name is unknown or a number out of its range.
    """

    size: int = 64
    frames: int = 17
    fps: float = 6.0
    level: str = "moderate"
    families: tuple[str, ...] = tuple(FAMILIES)
    objects: tuple[int, int] = (2, 6)
    background: str = "plain"
    camera: str = "static"
    samples: int = 2
    static_share: float = 0.1
    seed: int = 0

    def __post_init__(self):
        object.__setattr__(self, "families", tuple(self.families))  # JSON gives lists
        object.__setattr__(self, "objects", tuple(self.objects))
        _known("level", [self.level], LEVELS)
        _known("families", self.families, FAMILIES)
        _known("background", [self.background], BACKGROUNDS)
        _known("camera", [self.camera], CAMERAS)
        fewest, most = self.objects
        _rule(1 <= fewest <= most <= CAPACITY["target"], f"objects {self.objects}", "1 ≤ fewest ≤ most ≤ 12")
        _rule(self.size >= 8 and self.samples >= 1, f"size {self.size}, samples {self.samples}", "≥ 8 and ≥ 1")
        _rule(self.frames >= 1 and self.fps > 0, f"frames {self.frames}, fps {self.fps}", "≥ 1 and > 0")
        _rule(0 <= self.static_share <= 1, f"static_share {self.static_share}", "in [0, 1]")
        _rule(0 <= self.seed < SEEDS, f"seed {self.seed}", f"in [0, {SEEDS})")
        moving = set(self.families) - {"static"}
        _rule(bool(moving) or self.static_share == 1, f"families {self.families}", "name one that moves")

    @property
    def intensities(self) -> Intensities:
        """Strength of each kind of clutter at this level."""
        return LEVELS[self.level]

    @property
    def times(self) -> Float[np.ndarray, "t"]:
        """Seconds of the frames."""
        return np.arange(self.frames) / self.fps

    def key(self, split: str, index: int) -> random.Key:
        """Key of a clip, from which all of its draws follow.

        Raises:
            ValueError: the split is unknown or the index not in [0, 2³²).
        """
        _known("split", [split], SPLITS)
        _rule(0 <= index < 2**32, f"index {index}", "in [0, 2³²)")
        seed = self.seed if split == "train" else EVALUATION_SEED
        return np.array([seed ^ random.name_hash("split", SPEC_VERSION, split), index], np.uint32)

    def fingerprint(self) -> str:
        """Hash of all fields and of the version: clips of two fingerprints must not be mixed."""
        fields = json.dumps([SPEC_VERSION, dataclasses.asdict(self)], sort_keys=True)
        return hashlib.blake2b(fields.encode(), digest_size=8).hexdigest()


def role_slots(role: str) -> slice:
    """Slots of a role: they have fixed places, so that clutter never renumbers the targets."""
    start = sum(CAPACITY[name] for name in ROLES[: ROLES.index(role)])
    return slice(start, start + CAPACITY[role])


def _known(field, names, table):
    for name in names:
        if name not in table:
            raise ValueError(f"{field}: unknown {name!r}; known are {', '.join(table)}")


def _rule(holds, found, rule):
    if not holds:
        raise ValueError(f"{found}: must be {rule}")
