"""What a renderer needs to know of a clip: the scene, in metres, seconds and world axes (z up, ground z = 0)."""

import dataclasses

import numpy as np
from jaxtyping import Bool, Float, Int

SHAPES = ("sphere", "cube", "cylinder", "cone", "ellipsoid", "frustum", "dome")
ROLES = ("target", "persistent", "transient", "occluder")
GROUND_PATTERNS = ("plain", "checker", "stripes", "noise")


@dataclasses.dataclass(frozen=True)
class Camera:
    """Pinhole camera with square pixels, one pose a frame; ``fov`` is the full angle of view in degrees."""

    eye: Float[np.ndarray, "t 3"]
    target: Float[np.ndarray, "t 3"]
    fov: float


@dataclasses.dataclass(frozen=True)
class Background:
    """The ground in two colours, and the sky from the horizon to the zenith; colours are in [0, 1]."""

    ground_pattern: int  # index into GROUND_PATTERNS
    ground_rgb: Float[np.ndarray, "2 3"]
    scale: float  # metres a period of the ground's pattern
    offset: Float[np.ndarray, "t 2"]  # metres, shift of the pattern, which a drifting one changes
    sky_rgb: Float[np.ndarray, "2 3"]


Strength = float | Float[np.ndarray, "*b"]


@dataclasses.dataclass(frozen=True)
class Noise:
    """Sensor noise, in units of the [0, 1] range; added to a rendered clip, or to several, never part of the truth."""

    sigma: Strength  # standard deviation of the Gaussian
    salt: Strength  # share of pixels turned black or white
    flicker: Strength  # standard deviation of a frame's gain
    dropped: Strength  # share of rows blacked out


@dataclasses.dataclass(frozen=True)
class Scene:
    """Objects (``k`` slots, of which ``exists`` are used), camera and background over ``t`` frames."""

    position: Float[np.ndarray, "t k 3"]  # centres
    velocity: Float[np.ndarray, "t k 3"]  # m/s, just after the frame's time
    rotation: Float[np.ndarray, "t k 3 3"]  # object axes to world axes
    size: Float[np.ndarray, "k 3"]  # half extents along the object's own axes
    shape: Int[np.ndarray, "k"]  # index into SHAPES
    rgb: Float[np.ndarray, "k 3"]  # albedo in [0, 1]
    hue: Int[np.ndarray, "k"]  # index into the target hues, -1 for clutter
    role: Int[np.ndarray, "k"]  # index into ROLES
    family: Int[np.ndarray, "k"]  # index into trajectories.FAMILIES
    alive: Bool[np.ndarray, "t k"]  # drawn in this frame
    exists: Bool[np.ndarray, "k"]
    bounce: Bool[np.ndarray, "t k"]  # met the ground or a wall since the frame before
    collision: Int[np.ndarray, "t k"]  # slot of the object hit since the frame before, or -1
    hidden: Bool[np.ndarray, "t k"]  # surely all of it is behind the occluder that was set before it
    camera: Camera
    background: Background
    noise: Noise
    fps: float
    index: int  # of the clip in its split
    context: int  # frames that a predictor sees
    flagged: bool  # a target found no place in its draws and was left out, or no occluder where there must be one
    possible: bool  # nothing in it defies physics

    def cut(self, frames: slice) -> "Scene":
        """Some of its frames."""
        fields = ("position", "velocity", "rotation", "alive", "bounce", "collision", "hidden")
        return dataclasses.replace(
            self,
            **{name: getattr(self, name)[frames] for name in fields},
            camera=Camera(self.camera.eye[frames], self.camera.target[frames], self.camera.fov),
            background=dataclasses.replace(self.background, offset=self.background.offset[frames]),
        )


@dataclasses.dataclass(frozen=True)
class Rendered:
    """Pictures of a scene with their truth; ``instance`` is 0 on the background, else the object's slot + 1."""

    video: np.ndarray  # uint8 [t h w 3]
    instance: np.ndarray  # uint8 [t h w], of the sample nearest to the pixel's centre
    depth: np.ndarray  # float32 [t h w], metres along the optical axis, inf at the sky
    visible_px: np.ndarray  # int32 [t k], pixels whose instance is the object
    amodal_px: np.ndarray  # int32 [t k], the same if nothing else were in the way
    centre: np.ndarray  # float32 [t k 2], projection of the object's centre, (x, y) in pixels
    intrinsics: np.ndarray  # float64 [3 3], the camera's K
    camera_rotation: np.ndarray  # float64 [t 3 3], world axes to camera axes: R
    camera_translation: np.ndarray  # float64 [t 3], metres: t
