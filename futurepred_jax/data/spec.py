"""What a set of clutter videos is: sizes, motions, clutter level; from it, a split and an index follow every clip."""

import dataclasses
import functools
import hashlib
import json
from typing import Any

import numpy as np
from jaxtyping import Float

from futurepred_jax.data import counter_random
from futurepred_jax.data.barriers import OCCLUDERS
from futurepred_jax.data.families import LONGEST_WALK
from futurepred_jax.data.scene import ROLES, SHAPES
from futurepred_jax.data.splits import CLUTTER_LEVELS, SPLITS, TWIN, Intensities
from futurepred_jax.data.trajectories import FAMILIES, JOINT
from futurepred_jax.data.viewpoints import CAMERAS

SPEC_VERSION = "2"  # changes whenever the same (specification, split, index) would give another clip
KEY_VERSION = "1"  # of the keys that clips are drawn from: the same for 1 and 2, which differ where 1 left targets out

EVALUATION_SEED = 0  # of every split but train: another training seed is still judged on the same clips
SEEDS = 2**16  # a seed touches the low half of a key only; the high half is the split's, so splits never meet

CAPACITY = {"target": 12, "persistent": 12, "transient": 20, "occluder": 4}  # slots a role
SLOTS = sum(CAPACITY.values())
MOST_BODIES = 8  # of a collision

BACKGROUNDS = ("plain", "any")
ROTATIONS = ("yaw", "tumble")
COMBINATIONS = ("all", "seen", "held_out")
OCCLUSIONS = ("any", "sure", "paired")


@dataclasses.dataclass(frozen=True)
class ClutterSpec:
    """A distribution of clutter videos.

    Attributes:
        size: pixels a side.
        frames: frames a training clip.
        context: of those, frames that a predictor sees; by default half of them, rounded up.
        horizon: futures of a training clip that a clip has: with 4, a clip of 9 + 8 frames has 9 + 32.
        fps: frames a second.
        level: a key of ``CLUTTER_LEVELS``, or the intensities themselves.
        families: keys of ``FAMILIES`` that objects move by.
        shapes: names of ``SHAPES`` that objects have.
        combinations: of shape with colour and of shape with family: "all", those that are "seen" in training, or, of
            the targets, only "held_out" ones (see ``looks.held_out``). Test_comp shows what training has not seen
            only if training was on "seen" ones.
        rotation: "yaw" about the vertical, or "tumble" about any axis; what touches the ground stays upright.
        objects: fewest and most targets a clip.
        background: "plain" (the same ground and sky in every clip) or "any".
        camera: a key of ``CAMERAS``; a static one has the same pose in every clip.
        occluders: of ``OCCLUDERS``, what may hide a target.
        occlusion: "any", as the occluder's intensity has it; "sure": a scene without is drawn again; "paired": as sure,
            and every pair of indices 2 n, 2 n + 1 is a possible and an impossible clip in an order of its own, the same
            in their context.
        clutter_free: leave the clutter out again after the scene was drawn with it.
        tempo: least and most that a clip's motions are sped up.
        gravity: least and most, m/s².
        samples: samples a pixel, along each side.
        static_share: at most this share of targets stands still.
        seed: of the training split, in [0, 65536); the other splits do not depend on it.

    Raises:
        ValueError: a name is unknown or a number out of its range.
    """

    size: int = 64
    frames: int = 17
    context: int | None = None
    horizon: int = 1
    fps: float = 6.0
    level: str | Intensities = "moderate"
    families: tuple[str, ...] = tuple(FAMILIES)[:10]
    shapes: tuple[str, ...] = SHAPES[:4]
    combinations: str = "all"
    rotation: str = "yaw"
    objects: tuple[int, int] = (2, 6)
    background: str = "plain"
    camera: str = "static"
    occluders: tuple[str, ...] = ("pillar",)
    occlusion: str = "any"
    clutter_free: bool = False
    tempo: tuple[float, float] = (1.0, 1.0)
    gravity: tuple[float, float] = (4.0, 9.8)
    samples: int = 2
    static_share: float = 0.1
    seed: int = 0

    def __post_init__(self):
        for name in ("families", "shapes", "objects", "occluders", "tempo", "gravity"):
            value = getattr(self, name)
            object.__setattr__(
                self, name, tuple(value) if isinstance(value, list | tuple) else (value,)
            )  # JSON's lists
        for name in ("objects", "tempo", "gravity"):
            _rule(len(getattr(self, name)) == 2, f"{name} {getattr(self, name)}", "a pair, least and most")
        self._check_names()
        self._check_numbers()

    def _check_names(self) -> None:
        tables = {
            "families": FAMILIES, "shapes": SHAPES, "combinations": COMBINATIONS, "rotation": ROTATIONS,
            "background": BACKGROUNDS, "camera": CAMERAS, "occluders": OCCLUDERS, "occlusion": OCCLUSIONS,
        }  # fmt: skip
        for field, table in tables.items():
            value = getattr(self, field)
            names = value if isinstance(value, tuple) else (value,)
            _rule(len(names) > 0, f"{field} ()", f"some of {', '.join(table)}")
            _known(field, names, table)
        if not isinstance(self.level, Intensities):
            _known("level", [self.level], CLUTTER_LEVELS)
        moving = set(self.families) - {"static"}
        _rule(bool(moving) or self.static_share == 1, f"families {self.families}", "name one that moves")
        pairs = self.combinations != "held_out" or set(self.shapes) == set(SHAPES[:4])
        _rule(pairs, f"held-out combinations of shapes {self.shapes}", f"of {', '.join(SHAPES[:4])}")
        left = self.combinations != "seen" or len(set(self.shapes) & set(SHAPES[:4])) > 2  # two may both be held out
        _rule(left, f"seen combinations of shapes {self.shapes}", f"three of {', '.join(SHAPES[:4])}")

    def _check_numbers(self) -> None:
        fewest, most = self.objects
        _rule(1 <= fewest <= most <= CAPACITY["target"], f"objects {self.objects}", "1 ≤ fewest ≤ most ≤ 12")
        joint = set(self.families) - {"static"} == {JOINT} and most > MOST_BODIES
        spare = self.occlusion != "paired" or most < CAPACITY["target"]
        _rule(spare, f"objects {self.objects} in pairs", f"at most {CAPACITY['target'] - 1}")
        _rule(not joint, f"objects {self.objects}, all in collisions", f"at most {MOST_BODIES}")
        _rule(self.size >= 8 and self.samples >= 1, f"size {self.size}, samples {self.samples}", "≥ 8 and ≥ 1")
        _rule(self.frames >= 1 and self.fps > 0, f"frames {self.frames}, fps {self.fps}", "≥ 1 and > 0")
        _rule(1 <= self.context_frames <= self.frames, f"context {self.context}", f"1 to {self.frames}")
        _rule(self.horizon >= 1, f"horizon {self.horizon}", "≥ 1")
        for name in ("tempo", "gravity"):
            low, high = getattr(self, name)
            _rule(0 < low <= high, f"{name} {getattr(self, name)}", "0 < least ≤ most")
        lasts = self.times[-1] * self.tempo[1]
        walks = "random_walk" in self.families and lasts > LONGEST_WALK
        _rule(not walks, f"random_walk for {lasts:.3g} seconds", f"at most {LONGEST_WALK}: fewer frames, or more fps")
        _rule(0 <= self.static_share <= 1, f"static_share {self.static_share}", "in [0, 1]")
        strengths = dataclasses.astuple(self.intensities)
        _rule(all(0 <= x <= 1 for x in strengths), f"level {self.level}", "intensities in [0, 1]")
        _rule(0 <= self.seed < SEEDS, f"seed {self.seed}", f"in [0, {SEEDS})")

    @property
    def intensities(self) -> Intensities:
        """Strength of each kind of clutter at this level."""
        return self.level if isinstance(self.level, Intensities) else CLUTTER_LEVELS[self.level]

    @property
    def context_frames(self) -> int:
        """How many frames of a clip a predictor sees, which is also the index of the first future frame."""
        return self.frames // 2 + 1 if self.context is None else self.context

    @property
    def length(self) -> int:
        """Frames a clip."""
        return self.context_frames + self.horizon * (self.frames - self.context_frames)

    @property
    def most_targets(self) -> int:
        """Slots that a clip's targets take at most: in pairs, one may come out of hiding as another."""
        return self.objects[1] + (self.occlusion == "paired")

    @property
    def times(self) -> Float[np.ndarray, "t"]:
        """Seconds of the frames."""
        return np.arange(self.length) / self.fps

    def key(self, split: str, index: int) -> counter_random.Key:
        """Key of a clip, from which all of its draws follow.

        Raises:
            ValueError: the split is unknown or the index not in [0, 2³²).
        """
        _known("split", [split], SPLITS)
        _rule(0 <= index < 2**32, f"index {index}", "in [0, 2³²)")
        seed = self.seed if split == "train" else EVALUATION_SEED
        name = split.removesuffix(TWIN)
        return np.array([seed ^ counter_random.name_hash("split", KEY_VERSION, name), index], np.uint32)

    def fingerprint(self) -> str:
        """Hash of all fields and of the version: clips of two fingerprints must not be mixed."""
        fields = json.dumps([SPEC_VERSION, dataclasses.asdict(self)], sort_keys=True)
        return hashlib.blake2b(fields.encode(), digest_size=8).hexdigest()


@functools.cache
def in_split(spec: ClutterSpec, split: str) -> ClutterSpec:
    """The specification of a split's clips; that of a specification of the split is itself.

    Raises:
        ValueError: the split is unknown.
    """
    _known("split", [split], SPLITS)
    changes: dict[str, Any] = dict(SPLITS[split])
    return dataclasses.replace(spec, **changes)


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
