"""Packs a trained predictor: ``python -m futurepred_jax.pretrained.export WORKDIR --name=baseline-tiny``.

The weights are rounded and scored on a few clips: they must keep what the evaluation of the workdir found, or nothing
is written.
"""

import argparse
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
from etils import epath
from ml_collections import ConfigDict

from futurepred_jax import factory
from futurepred_jax.pretrained.card import card
from futurepred_jax.pretrained.packed import FOLDER, describe, fingerprint, names, part_path
from futurepred_jax.pretrained.published import measured, read_findings, require_published
from futurepred_jax.pretrained.rounding import rounded, save_part
from futurepred_jax.training import identity

KINDS = ("predictor", "joint")
PLACES = ("workdir", "clips", "weights", "input", "predictions")
"""Fields of a config's sections that may name a place where it was trained."""

PART = re.compile(r"[a-z_]+-[0-9a-f]{16}\.npz")
"""Names of parts; see ``packed.part_path``."""


def export(workdir: epath.PathLike, name: str, folder: Path = FOLDER) -> Path:
    """Packs the predictor of an evaluated workdir into ``folder``: its parts, its card and its description.

    Returns:
        The path of the description, a JSON file.

    Raises:
        ValueError: If the workdir holds no predictor that was trained on clutter, or is not finished, or its scores are
            of another checkpoint, or the rounded model has other scores.
    """
    config = factory.restored_config(identity.read_config(workdir))
    _require_packable(config, workdir)
    for other in set(names(folder)) - {name}:
        describe(other, folder)  # reports a damaged folder before the work
    found = read_findings(workdir, config.evaluation.checkpoint)
    weights = rounded(factory.weights_of(factory.load_predictor(config, workdir)))
    config = ConfigDict(_without_places(config.to_dict()))
    require_published(measured(config, factory.assemble_predictor(config, weights)), found.published)
    parts = {part: save_part(folder, part, tree) for part, tree in weights.items()}
    entry = {
        "config": config.to_dict(),
        "parts": parts,
        "sha256": fingerprint(config.to_dict(), parts),
        "parameters": sum(leaf.size for leaf in jax.tree.leaves(weights)),
        "published": found.published,
        "scores": found.evaluation["scores"]["model"],
    }
    (folder / f"{name}.md").write_text(card(name, entry, found, folder))
    path = folder / f"{name}.json"
    path.write_text(json.dumps(entry, indent=1, sort_keys=True) + "\n")
    _remove_unlisted(folder)
    return path


def _require_packable(config: ConfigDict, workdir: epath.PathLike) -> None:
    if config.kind not in KINDS:
        raise ValueError(f"{workdir} holds a {config.kind}, {config.name}, which predicts nothing: name a predictor's")
    if config.data.source != "clutter":
        raise ValueError(
            f"{workdir} was trained on {config.data.source}, which a package does not bring: its scores could not be "
            "found again. Only what was trained on clutter can be packed; load others by Predictor.from_workdir"
        )


def _without_places(section: Any, name: str = "") -> Any:
    if isinstance(section, Mapping):
        return {inner: _without_places(value, inner) for inner, value in section.items()}
    return "" if name in PLACES and isinstance(section, str) else section


def _remove_unlisted(folder: Path) -> None:
    """Deletes the parts of models that were exported again, known by their names."""
    entries = [describe(name, folder) for name in names(folder)]
    listed = {part_path(folder, part, digest) for entry in entries for part, digest in entry["parts"].items()}
    for path in set((folder / "parts").glob("*.npz")) - listed:
        if PART.fullmatch(path.name):
            path.unlink()


def main() -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workdir", help="The workdir of a predictor that was trained and evaluated.")
    parser.add_argument("--name", required=True, help="The name of the packed model, such as baseline-tiny.")
    parser.add_argument(
        "--out", type=Path, default=FOLDER, help="The folder to write to; by default the package's own."
    )
    arguments = parser.parse_args()
    try:
        path = export(arguments.workdir, arguments.name, arguments.out)
    except ValueError as error:
        sys.exit(f"error: {error}")
    took = sum(each.stat().st_size for each in (arguments.out / "parts").iterdir())
    print(f"wrote {path} and its card; all models of {arguments.out} take {took / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
