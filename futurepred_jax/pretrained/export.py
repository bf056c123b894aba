"""Packs a trained predictor: ``python -m futurepred_jax.pretrained.export WORKDIR --name=baseline-tiny``.

The weights are rounded to float16, the tokenizer's excepted, loaded again and scored on a few clips: they must keep
what the evaluation of the workdir found, or nothing is listed.
"""

import argparse
import importlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
from etils import epath
from jaxtyping import PyTree
from ml_collections import ConfigDict

from futurepred_jax import factory
from futurepred_jax.metrics.table import score_table
from futurepred_jax.pretrained.packed import FOLDER, INDEX, index
from futurepred_jax.pretrained.published import CLIPS, SPLIT, measured, published, require_published
from futurepred_jax.training import identity
from futurepred_jax.weights import read_weights, save_weights
from futurepred_jax.weights.reading import sha256

PLACES = ("workdir", "clips", "weights", "input", "predictions")
"""Fields of a config's sections that may name a place where it was trained."""

WHOLE = ("tokenizer",)
"""Parts that stay in float32. With a rounded tokenizer, tokens flip between codes that look alike: `tiny` had 12.45
bits a token instead of 8.34, and with all else rounded 8.34, at 20.06 dB instead of 20.04."""

CARD = """# {name}

A predictor of {parameters:,} parameters with all its parts, in {kilobytes:,} kB: the tokenizer in float32, the rest in
float16.

    Predictor.from_pretrained("{name}")
    python -m futurepred_jax.main --mode=predict --pretrained={name} --input='clips/*.mp4'

## Training

    python -m futurepred_jax.main --config={config.name}:{config.preset}

{changes}

Data: `{data.source}`, {data.train_clips:,} clips of {data.frames} frames of {data.size} × {data.size} pixels at
{data.fps:g} frames a second, {data.context_frames} of them context; level {data.level}, seed {data.seed}.

## Scores

{scores}

A test finds on the first {clips} clips of {split}: {published}.

## Limits

It has seen the data above and nothing else: of other videos expect blur and objects that dissolve. It looks at
{data.context_frames} frames and remembers nothing from before; beyond {future} future frames it continues its own
predictions. Its likelihoods are of its tokenizer's tokens, not of pixels.
"""


def export(workdir: epath.PathLike, name: str, folder: Path = FOLDER) -> Path:
    """Packs the predictor of an evaluated workdir into ``folder``, with its card and its place in the index.

    Returns:
        The npz.

    Raises:
        ValueError: if the workdir holds no predictor or no scores, or the packed model has others.
    """
    config = factory.restored_config(identity.read_config(workdir))
    if not factory.predicts(config):
        raise ValueError(f"{workdir} holds {config.name}, which predicts nothing: pack a predictor's workdir")
    wanted = published(workdir)
    weights = _rounded(factory.weights_of(factory.load_predictor(config, workdir)))
    config = ConfigDict(_without_places(config.to_dict()))
    path = folder / f"{name}.npz"
    save_weights(path, weights, {"config": config.to_dict()})
    try:
        require_published(measured(config, factory.assemble_predictor(config, read_weights(path))), wanted)
    except ValueError:
        path.unlink()
        raise
    summary = json.loads((epath.Path(workdir) / "evaluation.json").read_text())["splits"][SPLIT]
    entry = {"sha256": sha256(path), "parameters": _count(weights), "published": wanted}
    entry["scores"] = summary["scores"]["model"]
    (folder / f"{name}.md").write_text(_card(name, config, entry, summary, path.stat().st_size))
    (folder / INDEX).write_text(json.dumps({**index(folder), name: entry}, indent=1, sort_keys=True) + "\n")
    return path


def _rounded(weights: dict[str, PyTree]) -> dict[str, PyTree]:
    half = {name: part for name, part in weights.items() if name not in WHOLE}
    return weights | jax.tree.map(lambda array: np.asarray(array, np.float16), half)


def _without_places(section: Any, name: str = "") -> Any:
    if isinstance(section, Mapping):
        return {inner: _without_places(value, inner) for inner, value in section.items()}
    return "" if name in PLACES and isinstance(section, str) else section


def _count(weights: PyTree) -> int:
    return sum(leaf.size for leaf in jax.tree.leaves(weights))


def _card(name: str, config: ConfigDict, entry: dict[str, Any], summary: dict[str, Any], size: int) -> str:
    return CARD.format(
        name=name,
        config=config,
        data=config.data,
        parameters=entry["parameters"],
        kilobytes=size // 1000,
        changes=_changes(config),
        scores=score_table(SPLIT, summary),
        clips=CLIPS,
        split=SPLIT,
        published=", ".join(f"{score} {value:.4f}" for score, value in entry["published"].items()),
        future=config.data.frames - config.data.context_frames,
    )


def _changes(config: ConfigDict) -> str:
    """What the preset's config, as this package has it, says otherwise."""
    preset = importlib.import_module(f"futurepred_jax.configs.{config.name}").get_config(config.preset)
    changed = identity.differences(config.to_dict(), preset.to_dict())
    return "\n".join(f"- with {line}" for line in changed) or "with the preset as it is."


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workdir", help="of a predictor that was trained and evaluated")
    parser.add_argument("--name", required=True, help="such as baseline-tiny")
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder; by default the package's own")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    path = export(arguments.workdir, arguments.name, arguments.out)
    print(f"wrote {path} ({path.stat().st_size / 1e6:.1f} MB); complete {path.with_suffix('.md').name} by hand")


if __name__ == "__main__":
    main()
