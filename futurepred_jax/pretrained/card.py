"""A model card, written from a workdir: command, data, scores beside floors, and limits."""

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from futurepred_jax.configs import NAMES
from futurepred_jax.metrics.table import score_table
from futurepred_jax.pretrained.packed import part_path
from futurepred_jax.pretrained.published import CLIPS, SPLIT, Findings
from futurepred_jax.pretrained.rounding import BITS, MOST
from futurepred_jax.training import identity

TEXT = """# {name}

    Predictor.from_pretrained("{name}")
    python -m futurepred_jax.main --mode=predict --pretrained={name} --input='clips/*.mp4'

A predictor of {entry[parameters]:,} parameters in {kilobytes:,} kB: {parts}. Models share the files of parts that are
equal. Vectors, and what makes tokens (the tokenizer's encoder and codebook), are in
float32; other matrices have {most} bits of precision, those of pathways {bits[pathways]}.

## Training

    python -m futurepred_jax.main --config={config.name}:{config.preset}

{changes}

{summary[steps]:,} steps of {config.train.batch_size} clips in {minutes:.1f} minutes on {summary[hardware]}; the
training of the parts that it starts from is not counted.

Data: `{data.source}`, {data.train_clips:,} clips of {data.frames} frames of {data.size} × {data.size} pixels at
{data.fps:g} frames a second, {data.context_frames} of them context; level {data.level}, seed {data.seed}.

## Scores

{scores}

A test finds on the first {clips} clips of {split}: {published}.

## Limits

It has seen the data above and nothing else: of other videos expect blur and objects that dissolve. It looks at
{data.context_frames} frames and remembers nothing from before; beyond {future} future frames it continues its own
predictions. Its likelihoods are of its tokenizer's tokens, not of pixels{pathway}.
"""

PATHWAY = """. What a motion pathway is worth to it is the difference to
*shuffled pathway*, the same model with the pathway watching another clip"""


def card(name: str, entry: Mapping[str, Any], found: Findings, folder: Path) -> str:
    """The card of a model whose parts lie in ``folder``."""
    sizes = {part: part_path(folder, part, digest).stat().st_size for part, digest in entry["parts"].items()}
    config = ConfigDict(entry["config"])
    return TEXT.format(
        name=name,
        entry=entry,
        config=config,
        data=config.data,
        kilobytes=sum(sizes.values()) // 1000,
        parts=", ".join(f"{part} {size // 1000:,} kB" for part, size in sizes.items()),
        changes=_changes(config),
        summary=found.summary,
        minutes=found.summary["seconds"] / 60,
        scores=score_table(SPLIT, found.evaluation),
        clips=CLIPS,
        split=SPLIT,
        most=MOST,
        bits=BITS,
        published=", ".join(f"{score} {value:.4f}" for score, value in entry["published"].items()),
        future=config.data.frames - config.data.context_frames,
        pathway=PATHWAY if "pathways" in sizes else "",
    )


def _changes(config: ConfigDict) -> str:
    """What the preset's config, as this package has it, says otherwise."""
    if config.name not in NAMES:
        return "with a config that this package does not have."
    preset = importlib.import_module(f"futurepred_jax.configs.{config.name}").get_config(config.preset)
    changed = identity.differences(config.to_dict(), preset.to_dict())
    return "\n".join(f"- with {line}" for line in changed) or "with the preset as it is."
