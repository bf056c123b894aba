"""Pictures of a scene, with the truth about every pixel; what a ray sees is in ``tracing`` and ``background``."""

import functools

import numpy as np
from jaxtyping import Float, Int, Shaped

from futurepred_jax.data import background, camera, tracing
from futurepred_jax.data.scene import Rendered, Scene
from futurepred_jax.data.shapes import QUADRICS, SPREAD, bounding_radius

LIGHT = np.array([0.4, -0.3, np.sqrt(0.75)])  # towards the light, world axes, unit length
SOFTNESS = (0.15, 0.05, 0.8)  # penumbra's half width, in radii: at the ground, more a radius of height, at most


def render(scene: Scene, *, size: int, samples: int = 2) -> Rendered:
    """Draw a scene.

    Colours are Lambert's 0.32 + 0.68 max(0, n·l) times the albedo, averaged over ``samples`` × ``samples`` rays a
    pixel, each with its own nearest surface. Instance, depth and pixel counts are those of the ray through the pixel's
    centre, so they do not depend on ``samples``.

    Args:
        scene: with the eye above the ground in every frame.
        size: pixels a side.
        samples: rays a pixel along each side.

    Raises:
        ValueError: no pixels or samples, more than 255 slots, or an eye at or below the ground.
    """
    slots = scene.alive.shape[1]
    if size < 1 or samples < 1 or slots > 255:
        raise ValueError(f"size {size}, samples {samples}, {slots} slots: needs at least 1, 1 and at most 255")
    if np.any(scene.camera.eye[:, 2] <= 0):
        raise ValueError("the camera's eye is at or below the ground z = 0: raise it")
    pose = camera.pose(scene.camera, size)
    backdrop, pose_of_frame = _backdrop(scene, pose, samples, size)
    lens = (sample_offsets(samples), pose.focal, pose.principal)
    frames = len(scene.alive)
    video, instance = np.zeros((frames, size, size, 3), np.uint8), np.zeros((frames, size, size), np.uint8)
    depth = np.zeros((frames, size, size), np.float32)
    visible, amodal = np.zeros((2, frames, slots), np.int32)
    pictures = (video, instance, depth, visible, amodal)
    tracing.trace(bodies_of(scene, pose, size), backdrop, pose_of_frame, lens, pictures)
    centre = camera.project(pose, scene.position).pixel.astype(np.float32)
    return Rendered(
        video,
        instance,
        depth,
        visible_px=visible,
        amodal_px=amodal,
        centre=centre,
        intrinsics=pose.intrinsics,
        camera_rotation=pose.rotation,
        camera_translation=pose.translation,
    )


def sample_offsets(samples: int) -> Float[np.ndarray, "s 2"]:
    """Places of a pixel's rays, (x, y) from its centre: first the centre itself, then a regular grid."""
    steps = (np.arange(samples) + 0.5) / samples - 0.5
    grid = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    return np.concatenate([np.zeros((1, 2)), grid])


def _backdrop(
    scene: Scene, pose: camera.Pose, samples: int, size: int
) -> tuple[tuple[np.ndarray, ...], Int[np.ndarray, "t"]]:
    """Ground and sky for each distinct pose of camera and ground, and which of them each frame has."""
    places = np.concatenate([pose.eye, pose.rotation.reshape(-1, 9), scene.background.offset], axis=1)
    distinct, pose_of_frame = np.unique(places, axis=0, return_inverse=True)
    ground = scene.background
    colours = tuple(map(float, np.concatenate([ground.ground_rgb, ground.sky_rgb]).ravel()))
    pattern = (int(ground.ground_pattern), float(ground.scale), colours)
    lens = (samples, size, pose.focal, pose.principal)
    painted = [_painted(tuple(map(float, place)), lens, pattern) for place in distinct]
    return tuple(np.stack(each) for each in zip(*painted, strict=True)), pose_of_frame.reshape(-1)


@functools.lru_cache(maxsize=2)  # a camera that stands still has the same backdrop in every frame, often in every clip
def _painted(place: tuple, lens: tuple, pattern: tuple) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Colour, depth and ground point of each sample of one pose and offset of the ground's pattern."""
    samples, size, focal, principal = lens
    kind, scale, colours = pattern
    offsets = sample_offsets(samples)
    shape = (size, size, len(offsets))
    out = np.empty((*shape, 3), np.float32), np.empty(shape, np.float32), np.empty((*shape, 2), np.float32)
    rotation = np.array(place[3:12]).reshape(3, 3)
    ground = (kind, scale, np.array(place[12:]), np.array(colours).reshape(2, 2, 3))
    background.paint(np.array(place[:3]), np.ascontiguousarray(rotation.T), (offsets, focal, principal), ground, out)
    return out


def bodies_of(scene: Scene, pose: camera.Pose, size: int) -> Shaped[np.ndarray, "p"]:
    """Every object of every frame it is drawn in, frame after frame, in its own coordinates: ``tracing.BODY``."""
    frame, slot = np.nonzero(scene.alive & scene.exists)
    place, extent, shape = scene.position[frame, slot], scene.size[slot], scene.shape[slot]
    to_object = np.swapaxes(scene.rotation[frame, slot], -1, -2)
    to_unit = to_object / extent[..., None]
    shadow, penumbra, shadow_window = _shadows(pose, frame, place, extent * SPREAD[shape, None], to_object, size)
    bodies = np.empty(len(frame), tracing.BODY)
    bodies["frame"], bodies["slot"] = frame, slot
    bodies["window"] = camera.windows(pose, _in_camera(pose, frame, place), bounding_radius(shape, extent), size)
    bodies["origin"] = np.einsum("pij,pj->pi", to_unit, pose.eye[frame] - place)
    bodies["axes"] = to_unit @ np.swapaxes(pose.rotation[frame], -1, -2)
    bodies["light"] = to_object @ LIGHT
    bodies["inverse_size"] = 1 / extent
    bodies["quadric"], bodies["rgb"] = QUADRICS[shape], scene.rgb[slot]
    bodies["shadow"], bodies["penumbra"], bodies["shadow_window"] = shadow, penumbra, shadow_window
    return bodies


def _in_camera(
    pose: camera.Pose, frame: Int[np.ndarray, "p"], points: Float[np.ndarray, "p 3"]
) -> Float[np.ndarray, "p 3"]:
    return np.einsum("pij,pj->pi", pose.rotation[frame], points) + pose.translation[frame]


def _shadows(
    pose: camera.Pose,
    frame: Int[np.ndarray, "p"],
    place: Float[np.ndarray, "p 3"],
    extent: Float[np.ndarray, "p 3"],
    to_object: Float[np.ndarray, "p 3 3"],
    size: int,
) -> tuple[Float[np.ndarray, "p 2 3"], Float[np.ndarray, "p 2"], Int[np.ndarray, "p 4"]]:
    """The shadow of each object's ellipsoid: map from the ground to its unit disc, penumbra, window of pixels.

    A ground point is in the umbra where the line from it towards the light meets the ellipsoid, which, in coordinates
    where that is the unit sphere, is a disc in the plane across the light; so two dot products a sample decide.
    """
    to_unit = to_object / extent[..., None]
    across = _across(to_unit @ LIGHT) @ to_unit
    shadow = np.concatenate([across[..., :2], -across @ place[..., None]], axis=-1)
    largest = extent.max(-1)
    level, rise, most = SOFTNESS
    soft = np.clip(level + rise * place[:, 2] / largest, level, most)
    foot = place - LIGHT * (place[:, 2:] / LIGHT[2])
    window = camera.windows(pose, _in_camera(pose, frame, foot), largest * (1 + soft) / LIGHT[2], size)
    return shadow, np.stack([(1 - soft) ** 2, (1 + soft) ** 2], axis=-1), window


def _across(line: Float[np.ndarray, "p 3"]) -> Float[np.ndarray, "p 2 3"]:
    """Two orthonormal directions across each line."""
    line = line / np.linalg.norm(line, axis=-1, keepdims=True)
    first = np.cross(line, np.eye(3)[np.abs(line).argmin(-1)])
    first /= np.linalg.norm(first, axis=-1, keepdims=True)
    return np.stack([first, np.cross(line, first)], axis=-2)
