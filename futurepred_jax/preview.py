"""Writes a page that previews a split: a contact sheet, and clips that play with their labels.

python -m futurepred_jax.preview --config=baseline:tiny --split=train --out=preview.html
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from absl import app, flags
from etils import epath
from ml_collections import ConfigDict

from futurepred_jax import factory
from futurepred_jax.data.scene import ROLES
from futurepred_jax.data.trajectories import FAMILIES
from futurepred_jax.reporting.files import write_bytes
from futurepred_jax.reporting.overlays import ROLE_COLOURS, draw_flow, draw_truth, enlarge
from futurepred_jax.reporting.players import Player, arrange, pack, picture_uri
from futurepred_jax.reporting.templates import environment

SIDE = 160  # px, the least side of an enlarged frame
COLUMNS = 9  # frames of a clip on the contact sheet
GAP = 1  # px between them

Clip = Mapping[str, np.ndarray]


def write_preview(config: ConfigDict, split: str, path: epath.PathLike, *, clips: int) -> epath.Path:
    """Writes a page about the first ``clips`` clips of a split and returns its path.

    Raises:
        ValueError: If the source or the split is unknown.
    """
    batch = factory.sample_clips(config, split, clips)
    found = [{name: values[row] for name, values in batch.items()} for row in range(len(batch["video"]))]
    page = (
        environment()
        .get_template("preview.html.j2")
        .render(
            source=config.data.source,
            split=split,
            facts=_facts(config, found),
            labels=sorted(found[0].keys() - {"video", "noisy", "index"}),
            sheet=_contact_sheet(found),
            players=[_player(clip, split, config) for clip in found],
            roles=_roles(found),
        )
    )
    path = epath.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, page.encode())
    return path


def _player(clip: Clip, split: str, config: ConfigDict) -> Player:
    """Returns a player of the clip with and without noise, and of its labels as far as they are known."""
    scale = -(-SIDE // clip["video"].shape[1])
    films, labels = {"noisy": enlarge(clip["noisy"], scale)}, {"noisy": "What a model sees"}
    if "instance" in clip:
        films |= {"video": enlarge(clip["video"], scale), "truth": draw_truth(clip, ROLES, scale)}
        labels |= {"video": "Free of noise", "truth": "Masks, boxes, tracks"}
    if "flow" in clip:
        films["flow"], labels["flow"] = enlarge(draw_flow(clip["flow"]), scale), "Flow"
    entry = {"split": split, "index": int(clip["index"]), "about": _about(clip)}
    return Player(entry, labels, pack(films, context=config.data.context_frames, fps=config.data.fps))


def _about(clip: Clip) -> str:
    """Returns the number of objects of each role, and the motions of the targets."""
    if "role" not in clip:
        return ""
    role = clip["role"][clip["exists"]]
    counts = [f"{(role == number).sum()} {name}" for number, name in enumerate(ROLES) if (role == number).any()]
    moves = clip["family"][clip["exists"] & (clip["role"] == ROLES.index("target"))]
    return ", ".join(counts) + ": " + ", ".join(tuple(FAMILIES)[move].replace("_", " ") for move in moves)


def _contact_sheet(clips: Sequence[Clip]) -> str:
    """Draws one row per clip, of frames evenly spaced in time."""
    frames = len(clips[0]["noisy"])
    steps = np.linspace(0, frames - 1, min(COLUMNS, frames)).round().astype(int)
    tiles = np.concatenate([clip["noisy"][steps] for clip in clips])
    tiles = np.pad(tiles, ((0, 0), (0, GAP), (0, GAP), (0, 0)), constant_values=255)
    return picture_uri(arrange(tiles, len(steps)), lossless=True)


def _roles(clips: Sequence[Clip]) -> dict[str, str]:
    """Returns the colours of the roles, or nothing if the objects are unknown."""
    if "role" not in clips[0]:
        return {}
    return {name: f"rgb{ROLE_COLOURS[name]}" for name in ROLES}


def _facts(config: ConfigDict, clips: Sequence[Clip]) -> list[tuple[str, Any]]:
    frames, height, width, _ = clips[0]["video"].shape
    return [
        ("Clips shown", len(clips)),
        ("Frames", f"{frames} of {width} × {height} px, {config.data.fps:g} a second"),
        ("Context", f"{config.data.context_frames} frames"),
    ]


def cli() -> None:
    """Runs the command."""
    from futurepred_jax import config_flag  # loading it defines the flag

    flags.adopt_module_key_flags(config_flag)
    split = flags.DEFINE_string("split", "train", "The split to show.")
    out = flags.DEFINE_string("out", "preview.html", "Path of the page, which needs no other file.")
    clips = flags.DEFINE_integer(
        "clips", 12, "The number of clips; the first ones of the split are shown.", lower_bound=1
    )

    def main(argv: Sequence[str]) -> None:
        if len(argv) > 1:
            raise app.UsageError(f"unexpected arguments: {' '.join(argv[1:])}")
        with config_flag.user_errors_as_messages():
            print(f"wrote {write_preview(config_flag.CONFIG.value, split.value, out.value, clips=clips.value)}")

    app.run(main, flags_parser=config_flag.parse)


if __name__ == "__main__":
    cli()
