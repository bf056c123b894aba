"""One clip as plain arrays: pictures, the truth about them, and how much noise belongs to them."""

import numpy as np

from futurepred_jax.data.noise import add_noise
from futurepred_jax.data.render import render
from futurepred_jax.data.scene import Noise
from futurepred_jax.data.scenes import make_scene
from futurepred_jax.data.spec import ClutterSpec

CLIP_FIELDS = {
    "video": "uint8 [t h w 3], clean",
    "instance": "uint8 [t h w], 0 on the background, else slot + 1",
    "noise": "float32 [4]: sigma, salt, flicker, dropped, of the [0, 1] range",
    "index": "int64 []",
    "position": "float32 [t k 3], metres",
    "centre": "float32 [t k 2], (x, y) in pixels, whose centres are whole numbers",
    "visible_px": "int32 [t k]",
    "amodal_px": "int32 [t k], as if nothing were in the way",
    "alive": "bool [t k]",
    "exists": "bool [k]",
    "rgb": "float32 [k 3] in [0, 1]",
    "hue": "int8 [k], target's hue or -1",
    "role": "int8 [k], index into scene.ROLES",
    "family": "int8 [k], index into trajectories.FAMILIES",
    "shape": "int8 [k], index into scene.SHAPES",
    "size": "float32 [k 3], half extents in metres",
}
"""Fields of a clip, each with what it holds."""


def make_clip(spec: ClutterSpec, split: str, index: int) -> dict[str, np.ndarray]:
    """Make and draw a clip: the same arguments give the same bits, alone or among others.

    Returns:
        ``CLIP_FIELDS``. The video is clean; ``noisy`` makes what a sensor would see of it.

    Raises:
        ValueError: the split is unknown or the index not in [0, 2³²).
    """
    scene = make_scene(spec, split, index)
    drawn = render(scene, size=spec.size, samples=spec.samples)
    noise = scene.noise
    return {
        "video": drawn.video,
        "instance": drawn.instance,
        "noise": np.array([noise.sigma, noise.salt, noise.flicker, noise.dropped], np.float32),
        "index": np.array(index, np.int64),
        "position": scene.position.astype(np.float32),
        "centre": drawn.centre,
        "visible_px": drawn.visible_px,
        "amodal_px": drawn.amodal_px,
        "alive": scene.alive,
        "exists": scene.exists,
        "rgb": scene.rgb.astype(np.float32),
        **{name: getattr(scene, name).astype(np.int8) for name in ("hue", "role", "family", "shape")},
        "size": scene.size.astype(np.float32),
    }


def noisy(spec: ClutterSpec, split: str, clip: dict[str, np.ndarray]) -> np.ndarray:
    """A clip's video with its own noise, uint8 [t h w 3]: the same bits whenever and wherever it is asked for."""
    sigma, salt, flicker, dropped = (float(value) for value in clip["noise"])
    return add_noise(clip["video"], Noise(sigma, salt, flicker, dropped), spec.key(split, int(clip["index"])))
