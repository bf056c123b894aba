"""Ground and sky of a clip: the plain ones that every clip may share, or busy ones of its own."""

import numpy as np
from einops import rearrange
from jaxtyping import Float

from futurepred_jax.data import counter_random
from futurepred_jax.data.cast import greyish
from futurepred_jax.data.scene import GROUND_PATTERNS, Background
from futurepred_jax.data.spec import ClutterSpec

PLAIN_GROUND = np.array([(0.58, 0.56, 0.53)] * 2)
PLAIN_SKY = np.array([(0.80, 0.86, 0.92), (0.56, 0.69, 0.86)])  # horizon, zenith
DRIFT = 0.5  # m/s at most, at intensity 1, that a ground's pattern moves


def make_background(
    spec: ClutterSpec,
    numbers: Float[np.ndarray, "4"],
    colours: Float[np.ndarray, "16"],
    drift: Float[np.ndarray, "2"],
) -> Background:
    """Choose ground and sky by numbers in (0, 1); none has a target's hue.

    The specification's background says whether they are plain, and so the same in every clip. The clutter's intensity
    takes plain ones so much of the way to busy ones, and lets the pattern of every other clip drift.
    """
    strength = spec.intensities.background
    offset = np.zeros((spec.length, 2))
    if spec.background == "plain" and strength == 0:
        return Background(0, PLAIN_GROUND, 1.0, offset, PLAIN_SKY)
    rgb = greyish(colours[:4], rearrange(colours[4:], "(n c) -> n c", c=3))
    share = strength if spec.background == "plain" else 1.0
    ground_rgb, sky_rgb = (
        plain + share * (own - plain) if share < 1 else own
        for plain, own in ((PLAIN_GROUND, rgb[:2]), (PLAIN_SKY, rgb[2:]))
    )
    heading, pace = 2 * np.pi * drift[0], strength * DRIFT * max(2 * drift[1] - 1, 0)
    offset = offset + 2 * numbers[2:] + spec.times[:, None] * pace * np.array([np.cos(heading), np.sin(heading)])
    return Background(
        ground_pattern=int(counter_random.pick(numbers[:1], len(GROUND_PATTERNS))[0]),
        ground_rgb=ground_rgb,
        scale=float(0.6 + numbers[1]),
        offset=offset,
        sky_rgb=sky_rgb,
    )
