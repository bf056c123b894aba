"""Draws a clip's labels: masks, boxes and paths of objects, optical flow and depth."""

import colorsys
from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw

ROLE_COLOURS = {
    "target": (58, 167, 109),
    "persistent": (232, 131, 58),
    "transient": (163, 107, 214),
    "occluder": (120, 128, 140),
}
SHARE = 0.4  # opacity of a mask's colour

Film = UInt8[np.ndarray, "t h w 3"]
Enlarged = UInt8[np.ndarray, "t y x 3"]


def enlarge(film: Film, scale: int) -> Enlarged:
    """Enlarges frames by a whole factor without interpolation."""
    return film.repeat(scale, axis=1).repeat(scale, axis=2)


def draw_truth(clip: Mapping[str, np.ndarray], roles: tuple[str, ...], scale: int) -> Enlarged:
    """Draws the mask, the box and the path of each object over an enlarged clip, in the colour of its role.

    Args:
        clip: The fields ``video``, ``instance``, ``role``, ``centre``, ``box`` and ``visible_px`` of one clip.
        roles: Names of the roles by their number.
        scale: Whole factor by which the clip is enlarged.
    """
    colours = np.array([ROLE_COLOURS[roles[role]] for role in clip["role"]], np.uint8)
    film = enlarge(_tinted(clip["video"], clip["instance"], colours), scale)
    return np.stack([_marked(frame, clip, colours, step, scale) for step, frame in enumerate(film)])


def draw_flow(flow: Float[np.ndarray, "t h w 2"]) -> Film:
    """Draws optical flow: the direction is the hue, the square root of the relative speed the brightness."""
    flow = np.nan_to_num(flow, posinf=0, neginf=0)
    speed = np.hypot(flow[..., 0], flow[..., 1])
    angle = (np.arctan2(flow[..., 1], flow[..., 0]) / (2 * np.pi)) % 1
    wheel = np.array([colorsys.hsv_to_rgb(hue, 0.85, 1.0) for hue in np.arange(256) / 256])
    colour = wheel[(angle * 256).astype(int) % 256]
    return (255 * colour * np.sqrt(speed / max(float(speed.max()), 1e-6))[..., None]).astype(np.uint8)


def draw_depth(depth: Float[np.ndarray, "t h w"]) -> Film:
    """Draws depth from light and warm (the clip's nearest point) to dark and cold (its farthest); the sky is black."""
    nearness = 1 / depth
    seen = nearness[np.isfinite(depth)]
    share = np.clip((nearness - seen.min()) / max(float(np.ptp(seen)), 1e-6), 0, 1)
    ramp = np.array([(24, 28, 66), (78, 52, 128), (190, 72, 108), (245, 150, 84), (252, 240, 178)])
    stops = np.linspace(0, 1, len(ramp))
    colour = np.stack([np.interp(share, stops, channel) for channel in ramp.T], axis=-1)
    return np.where(np.isfinite(depth)[..., None], colour, 0).astype(np.uint8)


def _tinted(video: Film, instance: np.ndarray, colours: np.ndarray) -> Film:
    tint = np.concatenate([np.zeros((1, 3)), colours])[instance]
    share = np.where(instance > 0, SHARE, 0)[..., None]
    return np.round(video * (1 - share) + tint * share).astype(np.uint8)


def _marked(
    frame: UInt8[np.ndarray, "y x 3"], clip: Mapping[str, np.ndarray], colours: np.ndarray, step: int, scale: int
) -> UInt8[np.ndarray, "y x 3"]:
    """Draws the boxes of the visible objects, and the paths of all objects that have been visible so far."""
    picture = Image.fromarray(frame)
    draw = ImageDraw.Draw(picture)
    for slot in np.flatnonzero(clip["visible_px"][: step + 1].any(axis=0)):
        seen = np.flatnonzero(clip["visible_px"][: step + 1, slot])
        way = (clip["centre"][seen, slot] + 0.5) * scale  # whole numbers are centres of pixels
        colour = tuple(colours[slot].tolist())
        draw.line([tuple(place) for place in way.tolist()], fill=colour, width=2)
        if seen[-1] == step:
            x0, y0, x1, y1 = (clip["box"][step, slot] * scale).tolist()
            draw.rectangle((x0, y0, x1 - 1, y1 - 1), outline=colour)
    return np.asarray(picture)
