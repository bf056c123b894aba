"""Counts, as JSON, what targets look like and how they move: a program, so that no checker of types slows it down."""

import json
import sys

import numpy as np

from futurepred_jax.data.scene_generation import make_cast
from futurepred_jax.data.spec import ClutterSpec
from futurepred_jax.data.trajectories import FAMILIES

families = tuple(name for name in FAMILIES if name not in ("spiral", "lissajous"))
spec = ClutterSpec(level="moderate", frames=9, families=families, combinations="seen")
split, count = sys.argv[1], int(sys.argv[2])
colours, motions = np.zeros((4, 12), int), np.zeros((4, len(FAMILIES)), int)
for index in range(count):
    cast = make_cast(spec, split, index)
    target = cast.role == 0
    np.add.at(colours, (cast.shape[target], cast.hue[target]), 1)
    counted = target if split == "test_comp" else slice(None)
    np.add.at(motions, (cast.shape[counted], cast.family[counted]), 1)
print(json.dumps({"colours": colours.tolist(), "motions": motions.tolist()}))
