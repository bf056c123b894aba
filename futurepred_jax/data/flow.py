"""Forward optical flow: where, in the next frame, each pixel's piece of surface is, hidden or not."""

from typing import no_type_check

import numpy as np
from jaxtyping import Float, Int
from numba import njit

from futurepred_jax.data.camera import NEAR
from futurepred_jax.data.scene import Rendered, Scene

_compiled = njit(cache=True, nogil=True, error_model="numpy")


def forward_flow(scene: Scene, drawn: Rendered) -> Float[np.ndarray, "t h w 2"]:
    """Pixels (x, y) that the surface at each pixel's centre moves by until the next frame; zero in the last frame.

    Objects move and turn, the camera moves, and a drifting ground takes its pattern along; the sky is infinitely far.
    What dies is followed as if it lived on; what would pass the eye's plane has no flow, zero.
    """
    frames, height, width = drawn.instance.shape
    flow = np.zeros((frames, height, width, 2), np.float32)
    if frames > 1:
        used = np.flatnonzero(scene.exists)
        row = np.zeros(len(scene.exists) + 1, np.int64)
        row[used + 1] = 1 + np.arange(len(used))
        turn, shift = _motions(scene, drawn, used)
        lens = (drawn.intrinsics[0, 0], drawn.intrinsics[0, 2])
        _follow(drawn.instance, drawn.depth, row, turn, shift, lens, flow)
    return flow


def _motions(
    scene: Scene, drawn: Rendered, used: Int[np.ndarray, "n"]
) -> tuple[Float[np.ndarray, "s m 3 3"], Float[np.ndarray, "s m 3"]]:
    """The maps x' = A x + b of camera axes to the next frame's: of the world, then of each object."""
    place, rotation = scene.position[:, used], scene.rotation[:, used]
    drift = np.zeros((len(place), 1, 3))
    drift[:, 0, :2] = -scene.background.offset  # a pattern shifted by +d stands d further back
    place = np.concatenate([drift, place], axis=1)
    still = np.broadcast_to(np.eye(3), (len(place), 1, 3, 3))
    rotation = np.concatenate([still, rotation], axis=1)
    turn = rotation[1:] @ rotation[:-1].swapaxes(-1, -2)
    shift = place[1:] - np.einsum("tkij,tkj->tki", turn, place[:-1])
    before, after = drawn.camera_rotation[:-1, None], drawn.camera_rotation[1:, None]
    origin = -np.einsum("tkji,tkj->tki", before, drawn.camera_translation[:-1, None])  # the eye
    shift = np.einsum("tkij,tkj->tki", after, np.einsum("tkij,tkj->tki", turn, origin + 0 * shift) + shift)
    return after @ turn @ before.swapaxes(-1, -2), shift + drawn.camera_translation[1:, None]


@_compiled
@no_type_check
def _follow(instance, depth, row, turn, shift, lens, flow):
    focal, principal = lens
    for t in range(turn.shape[0]):
        for y in range(instance.shape[1]):
            for x in range(instance.shape[2]):
                of = row[instance[t, y, x]]
                reach = depth[t, y, x]
                u, v = (x - principal) / focal, (y - principal) / focal
                a, b = turn[t, of], shift[t, of]
                near, weight = (1.0, 0.0) if reach == np.inf else (reach, 1.0)
                p = near * (a[0, 0] * u + a[0, 1] * v + a[0, 2]) + weight * b[0]
                q = near * (a[1, 0] * u + a[1, 1] * v + a[1, 2]) + weight * b[1]
                r = near * (a[2, 0] * u + a[2, 1] * v + a[2, 2]) + weight * b[2]
                if r > NEAR:
                    flow[t, y, x, 0] = focal * p / r + principal - x
                    flow[t, y, x, 1] = focal * q / r + principal - y
