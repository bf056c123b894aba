"""Scores of a few clips that a packed model must reproduce."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from etils import epath
from ml_collections import ConfigDict

from futurepred_jax import factory
from futurepred_jax.evaluation.results import scored_weights
from futurepred_jax.metrics.image import psnr
from futurepred_jax.models.predictor import PredictorModel
from futurepred_jax.pixels import to_signed, to_unit
from futurepred_jax.training import checkpoints

SPLIT, CLIPS = "test_iid", 8
TOLERANCES = {"psnr": 0.05, "bits_per_token": 0.01}  # in dB and bits: most that rounding the weights may cost

Scores = dict[str, float]


@dataclasses.dataclass(frozen=True)
class Findings:
    """The results of a finished workdir.

    Attributes:
        summary: Summary of the training.
        evaluation: Evaluation on SPLIT.
        published: Scores averaged over the first clips of SPLIT.
    """

    summary: dict[str, Any]
    evaluation: dict[str, Any]
    published: Scores


def read_findings(workdir: epath.PathLike, checkpoint: str) -> Findings:
    """Reads the results of a workdir.

    Args:
        workdir: The workdir.
        checkpoint: The checkpoint that is packed, "newest" or "best".

    Raises:
        ValueError: If the training has not finished, or this checkpoint was not evaluated on enough clips.
    """
    place = epath.Path(workdir)
    if not (place / "summary.json").exists():
        raise ValueError(f"no summary.json in {workdir}: its training has not ended; repeat its command first")
    path = place / "evaluation_clips.json"
    clips = json.loads(path.read_text()).get(SPLIT) if path.exists() else None
    if clips is None or clips["index"][:CLIPS] != list(range(CLIPS)):
        raise ValueError(f"{workdir} has no scores of {CLIPS} clips of {SPLIT}: run --mode=evaluate there first")
    if scored_weights(SPLIT, place) != checkpoints.fingerprint(place, checkpoint):
        raise ValueError(
            f"the scores in {workdir} are not those of its {checkpoint} checkpoint, which would be packed: run "
            f"--mode=evaluate there with --config.evaluation.checkpoint={checkpoint} first"
        )
    return Findings(
        json.loads((place / "summary.json").read_text()),
        json.loads((place / "evaluation.json").read_text())["splits"][SPLIT],
        {name: float(np.mean(clips["scores"]["model"][name][:CLIPS])) for name in TOLERANCES},
    )


def measured(config: ConfigDict, predictor: PredictorModel) -> Scores:
    """Computes the published scores of a model on newly generated clips."""
    border, clips = config.data.context_frames, factory.sample_clips(config, SPLIT, CLIPS)
    context, truth = to_signed(jnp.asarray(clips["noisy"][:, :border])), clips["video"][:, border:]
    drawn = predictor.predict(
        context, num_frames=truth.shape[1], key=jax.random.key(config.seed), sampling=factory.sampling(config)
    )
    error = to_unit(np.asarray(drawn.video, np.float64)) - truth / 255
    nll = predictor.score(context, to_signed(jnp.asarray(truth))).nll
    return {
        "psnr": float(psnr(np.mean(np.square(error), axis=(1, 2, 3, 4))).mean()),
        "bits_per_token": float(nll.mean() / np.log(2)),
    }


def require_published(found: Mapping[str, float], wanted: Mapping[str, float]) -> None:
    """Raises a ValueError unless the scores equal the published ones within the tolerances."""
    away = [name for name, most in TOLERANCES.items() if not abs(found[name] - wanted[name]) <= most]
    if away:
        told = "; ".join(f"{name} {found[name]:.4f}, published {wanted[name]:.4f}" for name in away)
        raise ValueError(f"this model has not the scores that its training found: {told}")
