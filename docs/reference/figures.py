"""Pictures of clips, drawn by the generator when the documentation is built."""

import dataclasses
import functools
import io
from collections.abc import Mapping

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from futurepred_jax.data.clips import make_clip, noisy
from futurepred_jax.data.labels import FIELDS
from futurepred_jax.data.scene import ROLES
from futurepred_jax.data.spec import ClutterSpec
from futurepred_jax.data.splits import CLUTTER_LEVELS
from futurepred_jax.reporting.gif import in_a_row
from futurepred_jax.reporting.overlays import draw_flow, draw_truth, enlarge

SPEC = ClutterSpec(size=64, frames=17, samples=3, occluders=("pillar", "curtain"))
INDEX = 5
SCALE = 3  # of the labelled picture
GAP = 8  # px between pictures


def clutter_levels() -> bytes:
    """One clip at every level, as a GIF: the same targets among ever more clutter."""
    films = {}
    for name in CLUTTER_LEVELS:
        spec = dataclasses.replace(SPEC, level=name)
        films[name] = noisy(spec, "train", make_clip(spec, "train", INDEX))
    return in_a_row(films, fps=SPEC.fps)


def labels() -> bytes:
    """A frame as the model sees it, noise-free, with masks, boxes and tracks, its depth and its flow, as a PNG."""
    spec = dataclasses.replace(SPEC, level="moderate")
    clip, step = make_clip(spec, "train", INDEX, FIELDS), SPEC.frames // 2
    films = {
        "noisy": enlarge(noisy(spec, "train", clip), SCALE),
        "video": enlarge(clip["video"], SCALE),
        "truth": draw_truth(clip, ROLES, SCALE),
        "depth": enlarge(_grey(clip["depth"]), SCALE),
        "flow": enlarge(draw_flow(clip["flow"]), SCALE),
    }
    return _row({name: film[step] for name, film in films.items()})


def _grey(depth: np.ndarray) -> UInt8[np.ndarray, "t h w 3"]:
    """Near is bright, the sky black."""
    near = np.where(np.isfinite(depth), depth.min() / depth, 0)
    return (255 * near[..., None].repeat(3, axis=-1)).astype(np.uint8)


def _row(pictures: Mapping[str, UInt8[np.ndarray, "h w 3"]]) -> bytes:
    height, width, _ = next(iter(pictures.values())).shape
    page = Image.new("RGBA", (len(pictures) * (width + GAP) - GAP, height))
    for column, picture in enumerate(pictures.values()):
        page.paste(Image.fromarray(picture), (column * (width + GAP), 0))
    file = io.BytesIO()
    page.save(file, "PNG", optimize=True)
    return file.getvalue()


FIGURES = {
    "figures/clutter_levels.gif": functools.cache(clutter_levels),
    "figures/labels.png": functools.cache(labels),
}
"""By their path in the site."""
