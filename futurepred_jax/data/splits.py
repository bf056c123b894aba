"""The splits: each has keys of its own, and a row that says how its clips differ from those of training."""

import dataclasses
import types
from collections.abc import Mapping
from typing import Any


@dataclasses.dataclass(frozen=True)
class Intensities:
    """How strong each kind of clutter is, each in [0, 1] (as in the Distracting Control Suite, Stone et al. 2021)."""

    persistent: float = 0.0
    transient: float = 0.0
    occluder: float = 0.0
    noise: float = 0.0
    background: float = 0.0
    jitter: float = 0.0


CLUTTER_LEVELS: dict[str, Intensities] = {
    "clean": Intensities(),
    "minimal": Intensities(persistent=0.2, transient=0.2, noise=0.2),
    "moderate": Intensities(persistent=0.5, transient=0.5, noise=0.5),
    "heavy": Intensities(persistent=1.0, transient=1.0, occluder=0.5, noise=1.0),
    "mixed": Intensities(persistent=1.0, transient=1.0, occluder=1.0, noise=1.0, background=1.0, jitter=1.0),
}
"""Strengths by name; ``mixed`` is all that there is."""

OCCLUDED = {
    "level": Intensities(occluder=1.0),
    "occluders": ("pillar", "curtain"),
    "objects": (2, 4),  # so that there is room for an occluder
    "static_share": 0.0,
}

_CHANGES: dict[str, dict[str, Any]] = {
    "train": {},
    "val_iid": {},
    "test_iid": {},
    "test_comp": {"combinations": "held_out"},
    "test_shape": {"shapes": ("ellipsoid", "frustum", "dome"), "combinations": "all"},
    "test_traj": {"families": ("spiral", "lissajous")},
    "test_count": {"objects": (8, 12)},
    "test_speed": {"tempo": (1.5, 2.0)},
    "test_gravity": {"families": ("ballistic",), "gravity": (1.5, 3.0)},
    "test_camera": {"camera": "dolly"},
    "test_clutter_transient": {"level": Intensities(transient=1.0)},
    "test_clutter_persistent": {"level": Intensities(persistent=1.0)},
    "test_clutter_noise": {"level": Intensities(noise=1.0)},
    "test_clutter_mixed": {"level": "mixed", "occluders": ("pillar", "curtain")},
    "test_occlusion": {**OCCLUDED, "occlusion": "sure"},
    "test_long": {"horizon": 4},
    "probe_permanence": {**OCCLUDED, "occlusion": "paired"},
}

CLUTTERED = tuple(name for name in _CHANGES if name.startswith("test_clutter_") or name == "test_occlusion")
TWIN = "_clean"  # ends the name of a cluttered split's twin: at each index the same objects and paths, no clutter

SPLITS: Mapping[str, Mapping[str, Any]] = types.MappingProxyType(
    _CHANGES | {name + TWIN: {**_CHANGES[name], "clutter_free": True} for name in CLUTTERED}
)
"""Fields of the specification that a split sets, by its name."""
