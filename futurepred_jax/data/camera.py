"""The pinhole camera: x to the right, y down, z along the view (OpenCV's axes), square pixels.

Pixel (row i, column j) has its centre at (x, y) = (j, i), so that a mask's mean index is its centroid in these units.
"""

import dataclasses

import numpy as np
from jaxtyping import Float, Int

from futurepred_jax.data.scene import Camera

UP = np.array([0.0, 0.0, 1.0])
NEAR = 0.05  # metres: nothing nearer to the eye is drawn


@dataclasses.dataclass(frozen=True)
class Pose:
    """``x_camera = rotation @ x_world + translation``; pixel = ``intrinsics @ x_camera``, divided by its last entry."""

    intrinsics: Float[np.ndarray, "3 3"]  # K
    rotation: Float[np.ndarray, "t 3 3"]  # R, rows: right, down, forward
    translation: Float[np.ndarray, "t 3"]  # t
    eye: Float[np.ndarray, "t 3"]

    @property
    def focal(self) -> float:
        """Focal length in pixels."""
        return float(self.intrinsics[0, 0])

    @property
    def principal(self) -> float:
        """Where the optical axis meets the picture, in pixels, the same for x and y."""
        return float(self.intrinsics[0, 2])


@dataclasses.dataclass(frozen=True)
class Projected:
    """Points in the picture: pixels (x, y), NaN behind the eye, and metres along the optical axis."""

    pixel: Float[np.ndarray, "t k 2"]
    depth: Float[np.ndarray, "t k"]


def look_at(eye: Float[np.ndarray, "t 3"], target: Float[np.ndarray, "t 3"]) -> Float[np.ndarray, "t 3 3"]:
    """Rotation from world to camera axes that puts ``target`` on the optical axis and keeps the horizon level.

    Raises:
        ValueError: the view is vertical or has no length, so that the horizon is undefined.
    """
    forward = target - eye
    right = np.cross(forward, UP)
    length = np.linalg.norm(right, axis=-1, keepdims=True)
    if np.any(length < 1e-9):
        raise ValueError("camera looks straight up or down, or at its own place: move eye or target off the vertical")
    forward, right = forward / np.linalg.norm(forward, axis=-1, keepdims=True), right / length
    return np.stack([right, np.cross(forward, right), forward], axis=-2)


def pose(camera: Camera, size: int) -> Pose:
    """The camera's matrices for square pictures of ``size`` pixels a side; ``fov`` spans their outer edges."""
    focal = size / 2 / np.tan(np.radians(camera.fov) / 2)
    principal = (size - 1) / 2
    intrinsics = np.array([[focal, 0, principal], [0, focal, principal], [0, 0, 1]])
    eye = np.asarray(camera.eye, np.float64)
    rotation = look_at(eye, np.asarray(camera.target, np.float64))
    return Pose(intrinsics, rotation, -np.einsum("tij,tj->ti", rotation, eye), eye)


def to_camera(pose: Pose, points: Float[np.ndarray, "t k 3"]) -> Float[np.ndarray, "t k 3"]:
    """World points in camera axes, metres."""
    return np.einsum("tij,tkj->tki", pose.rotation, points) + pose.translation[:, None]


def project(pose: Pose, points: Float[np.ndarray, "t k 3"]) -> Projected:
    """World points to pixels and depth."""
    local = to_camera(pose, points)
    depth = local[..., 2]
    front = np.where(depth > NEAR, depth, np.nan)
    return Projected(pose.focal * local[..., :2] / front[..., None] + pose.principal, depth)


def windows(
    pose: Pose, centre: Float[np.ndarray, "*n 3"], radius: Float[np.ndarray, "*n"], size: int
) -> Int[np.ndarray, "*n 4"]:
    """Pixels [x0, x1) × [y0, y1) of a ``size``² picture that hold all of a sphere's projection, as (x0, x1, y0, y1).

    Exact: the sphere's tangent planes, not its radius over its depth, which cuts spheres away from the axis. A sphere
    behind the eye has an empty window; one that reaches the eye's plane has the whole picture.

    Args:
        pose: for its intrinsics.
        centre: in camera axes, metres.
        radius: metres.
        size: pixels a side.
    """
    sides = [_interval(centre[..., axis], centre[..., 2], radius, pose, size) for axis in (0, 1)]
    bounds = np.stack([bound for side in sides for bound in side], axis=-1)
    behind = centre[..., 2] + radius <= NEAR
    return np.where(behind[..., None], 0, bounds)


def _interval(
    side: Float[np.ndarray, "*n"],
    depth: Float[np.ndarray, "*n"],
    radius: Float[np.ndarray, "*n"],
    pose: Pose,
    size: int,
) -> tuple[Int[np.ndarray, "*n"], Int[np.ndarray, "*n"]]:
    """First and one past the last pixel, on one axis, between the two tangents from the eye to a circle."""
    tangent = np.sqrt(np.maximum(side**2 + depth**2 - radius**2, 0))
    low = _slope(side * tangent - radius * depth, depth * tangent + radius * side, -np.inf)
    high = _slope(side * tangent + radius * depth, depth * tangent - radius * side, np.inf)
    reaches = depth - radius <= NEAR
    first = np.where(reaches, 0, np.ceil(pose.focal * low + pose.principal - 0.5))
    last = np.where(reaches, size, np.floor(pose.focal * high + pose.principal + 0.5) + 1)
    return np.clip(first, 0, size).astype(np.int32), np.clip(last, 0, size).astype(np.int32)


def _slope(rise: Float[np.ndarray, "*n"], run: Float[np.ndarray, "*n"], beyond: float) -> Float[np.ndarray, "*n"]:
    return np.where(run > 0, rise / np.where(run > 0, run, 1), beyond)
