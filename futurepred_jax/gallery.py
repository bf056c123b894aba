"""Draws one picture that shows what clutter videos are: motions, kinds of clutter, labels, and a hidden object.

python -m futurepred_jax.gallery gallery.png
"""

import argparse
import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

from futurepred_jax.data.clips import make_clip, noisy
from futurepred_jax.data.labels import FIELDS
from futurepred_jax.data.scene import ROLES, SHAPES
from futurepred_jax.data.spec import ClutterSpec
from futurepred_jax.data.splits import CLUTTER_LEVELS, Intensities
from futurepred_jax.data.trajectories import FAMILIES, JOINT
from futurepred_jax.reporting.overlays import draw_depth, draw_flow, draw_truth

Picture: TypeAlias = UInt8[np.ndarray, "y x 3"]
Clip: TypeAlias = Mapping[str, np.ndarray]
Row: TypeAlias = dict[str, Picture]

SIDE, COLUMNS, GAP = 128, 8, 8  # px a tile, tiles a row, px between them
TITLE, CAPTION = 34, 20  # px of the lines above a row and below a tile
INK, PAPER, FAINT = (38, 42, 48), (250, 250, 248), (110, 116, 124)
CANDIDATES = 32  # clips of a family to choose from
EXPOSURES = 6  # of a moving object in one picture
SPLIT = "train"

SPEC = ClutterSpec(size=SIDE, samples=4, static_share=0.0, rotation="tumble")
STAGE = dataclasses.replace(SPEC, level="clean", shapes=SHAPES, objects=(1, 1))
CROWD = dataclasses.replace(SPEC, level="clean", objects=(3, 4), context=9)
KINDS = {  # of clutter: what is changed in one and the same scene
    "none": {},
    "persistent": {"level": Intensities(persistent=1.0)},
    "transient": {"level": Intensities(transient=1.0)},
    "background": {"level": Intensities(background=1.0)},
    "pillar": {"level": Intensities(occluder=1.0), "occluders": ("pillar",)},
    "curtain": {"level": Intensities(occluder=1.0), "occluders": ("curtain",)},
    "sensor noise": {"level": Intensities(noise=1.0)},
    "all of it, mixed": {"level": CLUTTER_LEVELS["mixed"]},
}
SCENE = 103  # number of a clip in which every kind of clutter shows
TOLD = 22  # and of one for the labels
HIDDEN = 11  # and of one in test_occlusion


def draw_gallery() -> Picture:
    """Draws all rows with their titles and captions."""
    rows = {
        "How objects move: sixteen families": motions(),
        "Kinds of clutter, each on the same scene": clutter(),
        "The truth that comes with every pixel": labels(),
        "Hidden across the border between context and future": hiding(),
    }
    return np.concatenate([_row(title, tiles) for title, tiles in rows.items()])


def motions() -> Row:
    """Shows each family of motion as a multiple exposure."""
    return {name.replace("_", " "): _exposed(_longest(name)) for name in FAMILIES}


def clutter() -> Row:
    """Shows one scene with each kind of clutter."""
    row = {}
    for name, changes in KINDS.items():
        spec = dataclasses.replace(CROWD, **changes)
        clip = make_clip(spec, SPLIT, SCENE)
        row[name] = noisy(spec, SPLIT, clip)[spec.context_frames]
    return row


def labels() -> Row:
    """Shows one frame of a clip with its labels."""
    spec = dataclasses.replace(SPEC, level="heavy", background="any", objects=(4, 5))
    clip = make_clip(spec, SPLIT, TOLD, FIELDS)
    views: dict[str, Callable[[], np.ndarray]] = {
        "free of noise": lambda: clip["video"],
        "as it is seen": lambda: noisy(spec, SPLIT, dict(clip)),
        "instances": lambda: _instances(clip),
        "boxes, tracks": lambda: draw_truth(clip, ROLES, 1),
        "depth": lambda: draw_depth(clip["depth"]),
        "flow": lambda: draw_flow(clip["flow"]),
        "predictable, or dark": lambda: np.where(clip["predictable"][..., None], clip["video"], clip["video"] // 5),
        "without clutter": lambda: make_clip(dataclasses.replace(spec, clutter_free=True), SPLIT, TOLD)["video"],
    }
    return {name: view()[spec.context_frames + 2] for name, view in views.items()}


def hiding() -> Row:
    """Shows a target that passes behind an occluder, in the frames around the first future one."""
    clip = make_clip(SPEC, "test_occlusion", HIDDEN)
    steps = range(SPEC.context_frames - 3, SPEC.context_frames - 3 + COLUMNS)
    return {
        f"{'context' if step < SPEC.context_frames else 'future'}, frame {step}": clip["video"][step] for step in steps
    }


def _longest(family: str) -> Clip:
    """Returns, of some clips of a family, the one whose objects move farthest without leaving the picture."""
    objects = (4, 4) if family == JOINT else (1, 1)
    still = float(family == "static")
    spec = dataclasses.replace(STAGE, families=(family,), objects=objects, static_share=still)
    fields = ("video", "instance", "centre", "exists")
    first = CANDIDATES * list(FAMILIES).index(family)  # else families that share draws would share pictures
    clips = [
        make_clip(dataclasses.replace(spec, size=16, samples=1), SPLIT, first + index, fields)
        for index in range(CANDIDATES)
    ]
    return make_clip(spec, SPLIT, first + int(np.argmax([_travelled(clip) for clip in clips])), fields)


def _travelled(clip: Clip) -> float:
    """Returns the distance in px that a small clip's objects cover, negative if one comes near the border."""
    way = clip["centre"][:, clip["exists"]]
    inside = (way > 2.5).all() and (way < 12.5).all()
    return float(np.linalg.norm(np.diff(way, axis=0), axis=-1).sum()) * (1 if inside else -1)


def _exposed(clip: Clip) -> Picture:
    """Draws several moments into one picture, early ones fainter, with the path of every object's centre."""
    last = len(clip["video"]) - 1
    picture = clip["video"][last].astype(float)
    for share, step in zip(np.linspace(0.35, 1, EXPOSURES), np.linspace(0, last, EXPOSURES).astype(int), strict=True):
        picture = np.where(
            (clip["instance"][step] > 0)[..., None], (1 - share) * picture + share * clip["video"][step], picture
        )
    image = Image.fromarray(picture.round().astype(np.uint8))
    draw = ImageDraw.Draw(image)
    for way in np.moveaxis(clip["centre"][:, clip["exists"]], 1, 0):
        draw.line([tuple(place) for place in way.tolist()], fill=INK, width=1)
    return np.asarray(image)


def _instances(clip: Clip) -> UInt8[np.ndarray, "t h w 3"]:
    """Draws every slot in a colour of its own, at steps of the golden angle on the colour wheel."""
    turns = np.arange(len(clip["role"])) * 0.618
    wheel = 0.5 + 0.45 * np.cos(2 * np.pi * (turns[:, None] + np.array([0, 1, 2]) / 3))
    colours = np.concatenate([[[0.13, 0.14, 0.16]], wheel])
    return (255 * colours[clip["instance"]]).astype(np.uint8)


def _row(title: str, tiles: Row) -> Picture:
    """Draws a title, and below it tiles in lines of ``COLUMNS`` with their names."""
    step, lines = SIDE + GAP, -(-len(tiles) // COLUMNS)
    height = TITLE + lines * (SIDE + CAPTION)
    sheet = Image.new("RGB", (COLUMNS * step + GAP, height + GAP), PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((GAP, TITLE - 12), title, fill=INK, font=ImageFont.load_default(16), anchor="ls")
    for number, (name, tile) in enumerate(tiles.items()):
        x, y = GAP + number % COLUMNS * step, TITLE + number // COLUMNS * (SIDE + CAPTION)
        sheet.paste(Image.fromarray(tile), (x, y))
        draw.text((x, y + SIDE + CAPTION - 6), name, fill=FAINT, font=ImageFont.load_default(12), anchor="ls")
    return np.asarray(sheet)


def cli() -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(description="Draws what the generator can draw, as one picture.")
    parser.add_argument("picture", type=Path, help="The PNG file to write.")
    path = parser.parse_args().picture
    if path.suffix != ".png" or not path.parent.is_dir():
        parser.error(f"{path}: name a .png file in a folder that exists")
    Image.fromarray(draw_gallery()).save(path, optimize=True)
    print(f"wrote {path}")


if __name__ == "__main__":
    cli()
