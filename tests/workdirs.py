"""Synthetic workdirs: what training, evaluation and prediction leave behind, of a model of any quality."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from futurepred_jax.reporting.models import Model
from futurepred_jax.reporting.workdir import Log, Run, Training

CONTEXT, FUTURE, SIZE, CLIPS = 9, 8, 32, 96
FAMILIES = ("loop", "straight", "u_turn")
FLOORS = {"constant_velocity": 0.9, "copy_last": 0.75, "context_mean": 0.6, "mean_frame": 0.45, "black_frame": 0.0}
CEILINGS = {"true_parameters": 1.5, "tokenizer_reconstruction": 1.2}


def scores_at(quality: float) -> dict[str, float | None]:
    """Scores that all get better with quality."""
    return {
        "psnr": 15.0 + 10.6 * quality,
        "ssim": 0.4 + 0.41 * quality,
        "foreground_psnr": 9.0 + 9.3 * quality,
        "mse": 0.02 - 0.012 * quality,
        "mae": 0.05 - 0.027 * quality,
        "ade": None if quality == 0 else 4.1 - 2.3 * quality,
        "fde": None if quality == 0 else 6.3 - 3.1 * quality,
        "recall": 0.62 * quality,
        "mask_iou": 0.4 * quality,
    }


def curves_at(quality: float) -> dict[str, list[float | None]]:
    def fading(start: float, slope: float) -> list[float | None]:
        return [start + slope * np.log1p(frame) for frame in range(FUTURE)]

    return {
        "psnr": fading(17 + 10.6 * quality, -1.5),
        "ssim": fading(0.5 + 0.4 * quality, -0.05),
        "foreground_psnr": fading(11 + 9.3 * quality, -1.6),
        "position_error": [None] * FUTURE if quality == 0 else fading(2.4 - 1.2 * quality, 1.6 - 0.6 * quality),
        "recall": fading(0.65 * quality, -0.02),
    }


def margins_of(model: dict, floor: dict) -> dict:
    """The differences with intervals of a tenth of their size about them."""
    margins: dict = {"skill": 0.41}
    for name in ("psnr", "ssim", "foreground_psnr", "ade"):
        known = model[name] is not None and floor[name] is not None
        lead = model[name] - floor[name] if known else None
        margins[name] = {end: lead and lead * scale for end, scale in (("mean", 1), ("low", 0.9), ("high", 1.1))}
    return margins


def evaluation(predictors: dict[str, float]) -> dict[str, Any]:
    split: dict[str, Any] = {
        "sha256": "9f2c" * 16,
        "clips": CLIPS,
        "context_frames": CONTEXT,
        "future_frames": FUTURE,
        "sampling": "greedy",
        "scores": {name: scores_at(quality) for name, quality in predictors.items()},
        "curves": {name: curves_at(quality) for name, quality in predictors.items()},
        "codebook": {"usage": 0.613, "perplexity": 402.7, "sizes": [1000]},
    }
    split |= {"tracker": {"ade": 0.31, "fde": 0.3, "recall": 0.984}}
    if "model" in predictors:
        split["scores"]["model"] |= {"token_accuracy": 0.587, "bits_per_token": 3.41}
        split["calibration"] = {
            "model": {"error": 0.01, "confidence": [0.2, 0.6], "accuracy": [0.25, None], "share": [1, 0]}
        }
        split["margins"] = {name: margins_of(split["scores"]["model"], split["scores"][name]) for name in FLOORS}
    protocol = {"version": "1", "pixel_range": [0, 1], "frames_scored": "future", "psnr": "mean over clips"}
    return {"protocol": protocol, "splits": {"test_iid": split}}


def film(seed: int, blur: float = 0.0) -> np.ndarray:
    """Coloured discs on their ways over a plain floor, uint8."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:SIZE, :SIZE].astype(float)
    sky = np.stack([150 + 2 * y, 165 + y, 185 - y], axis=-1)
    start, speed = rng.uniform(6, 26, (4, 2)), rng.normal(0, 1.0, (4, 2))
    hue = rng.permutation(np.array([[220, 60, 50], [50, 150, 60], [60, 80, 210], [230, 180, 40]]))
    frames = []
    for t in range(CONTEXT + FUTURE):
        frame = sky.copy()
        for k in range(4):
            place = start[k] + speed[k] * t + blur * rng.normal(0, 0.4, 2)
            inside = np.clip(4.2 - np.hypot(x - place[0], y - place[1]), 0, 1 + blur) / (1 + blur)
            frame += inside[..., None] * (hue[k] * (0.75 + 0.05 * (place[1] - y)[..., None]) - frame)
        frames.append(frame)
    return np.clip(np.array(frames), 0, 255).astype(np.uint8)


def tracks(seed: int) -> dict[str, np.ndarray]:
    """Of two targets, the second of which is lost in the prediction."""
    places = np.random.default_rng(seed).uniform(4, 28, (CONTEXT + FUTURE, 2, 2)).astype(np.float32)
    found = places[CONTEXT:] + 1
    found[:, 1] = np.nan
    return {"places": places, "found": found, "colours": np.array([[220, 60, 50], [60, 80, 210]], np.uint8)}


def write_predictions(folder: Path, count: int, splits: Sequence[str] = ("test_iid",)) -> None:
    folder.mkdir()
    entries = []
    for index in range(count):
        split, why = splits[index // 4 % len(splits)], ["random", "random", "best", "worst"][index % 4]
        name = f"{split}-{index:06d}"
        quality = {"random": 0.95, "best": 1.15, "worst": 0.4}[why]
        truth, guess = film(index), film(index, blur={"random": 0.8, "best": 0.2, "worst": 2.5}[why])
        arrays = {
            **tracks(index),
            "context": truth[:CONTEXT],
            "truth": truth[CONTEXT:],
            "prediction": guess[CONTEXT:],
            "copy_last": truth[CONTEXT - 1 : CONTEXT].repeat(FUTURE, axis=0),
        }
        np.savez_compressed(folder / f"{name}.npz", **arrays)  # pyright: ignore[reportArgumentType]
        scores = {"model": scores_at(quality), "copy_last": scores_at(0.7)}
        entries.append({"name": name, "split": split, "index": index, "why": why, "scores": scores, "fps": 6.0})
        entries[-1] |= {"gif": f"{name}.gif", "npz": f"{name}.npz"}
        entries[-1] |= {"families": [FAMILIES[index % 3]], "clutter": index % 7, "targets": 2}
    (folder / "index.json").write_text(json.dumps(entries))


def write_training(folder: Path, *, model: str, steps: int = 1200, seed: int = 0, **config) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    lines = []
    for step in range(10, steps + 1, 10):
        loss = 2.1 + 4.8 * np.exp(-step / 180) + 0.15 * rng.normal()
        record = {"step": step, "time": 1.76e9 + step, "loss": loss, "accuracy": 0.62 - 0.5 * np.exp(-step / 300)}
        lines.append({**record, "split": "train", "learning_rate": 1e-3 * min(1, step / 100), "grad_norm": 1.0})
        if step % 100 == 0:
            lines.append({**record, "split": "val", "loss": loss + 0.1, "accuracy": record["accuracy"] - 0.02})
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    modules = {"blocks": 1_806_336, "embedding": 128_000, "head": 256_512, "total": 2_190_848}
    table = [["blocks/0/attention/query", [192, 3, 64], 36_864], ["embedding/table", [1000, 128], 128_000]]
    throughput = {"clips_per_second": 11.37, "tokens_per_second": 3411.2, "mfu": 0.314}
    summary = {"model": model, "parameters": modules, "parameter_table": table, "steps": steps, "seconds": 402.6}
    summary |= {"hardware": "cpu × 1 (2 cores)", "jax": "0.10.2", "throughput": throughput}
    summary |= {"efficiency": {"peak_memory_bytes": 2_900_000_000}}
    (folder / "summary.json").write_text(json.dumps(summary))
    config = {"name": "baseline", "preset": "tiny", "seed": seed, "transformer": {"width": 192, "layers": 6}, **config}
    (folder / "config.json").write_text(json.dumps(config))


def clips_of(scores: dict, seed: int = 1) -> dict:
    """One value a clip and a target about each score, in which clips are alike for all predictors."""
    luck = np.random.default_rng(0).normal(0, 0.08, CLIPS)
    rng = np.random.default_rng(seed)
    per_clip = {
        name: {
            metric: (value * (1 + luck + rng.normal(0, 0.01, CLIPS))).tolist() if value is not None else [None] * CLIPS
            for metric, value in known.items()
        }
        for name, known in scores.items()
    }
    objects = {"position_error": "ade", "recall": "recall", "mask_iou": "mask_iou"}
    per_object = {
        name: {metric: known[of] for metric, of in objects.items() if of in known} for name, known in per_clip.items()
    }
    families = [FAMILIES[index % 3] for index in range(CLIPS)]
    about = {
        "families": [[name] for name in families],
        "targets": [1] * CLIPS,
        "clutter": [i % 7 for i in range(CLIPS)],
    }
    found = {"clip": list(range(CLIPS)), "family": families, "scores": per_object}
    return {"index": list(range(CLIPS)), "scores": per_clip, "about": about, "objects": found}


def write_workdir(
    folder: Path, model: float = 1.0, films: int = 4, seed: int = 0, splits=("test_iid",), **config
) -> Path:
    """A predictor's workdir whose model is of the given quality."""
    write_training(folder, model="Transformer", seed=seed, **config)
    content: dict[str, Any] = evaluation({**CEILINGS, "model": model, **FLOORS})
    split = content["splits"]["test_iid"]
    content["splits"] = dict.fromkeys(splits, split)
    (folder / "evaluation.json").write_text(json.dumps(content))
    clips = dict.fromkeys(splits, clips_of(split["scores"], seed + 1))
    (folder / "evaluation_clips.json").write_text(json.dumps(clips))
    write_predictions(folder / "predictions", films, splits)
    return folder


def write_tokenizer(folder: Path) -> Path:
    """A tokenizer's workdir: only its reconstructions are scored."""
    write_training(folder, model="MagVit", seed=3)
    summary = json.loads((folder / "summary.json").read_text())
    summary["throughput"]["tokens_per_second"] = None  # as a training on clips writes it
    (folder / "summary.json").write_text(json.dumps(summary))
    (folder / "evaluation.json").write_text(json.dumps(evaluation({"tokenizer_reconstruction": 1.2})))
    return folder


def model_of(split: dict, label: str = "model", clips: dict | None = None) -> Model:
    """A model of which only one split's evaluation is known."""
    evaluation = {"protocol": {"version": "1"}, "splits": {"test_iid": split}}
    return Model(label, (Run(Training(label, {}, {}, Log([], [], 0)), evaluation, clips and {"test_iid": clips}, []),))
