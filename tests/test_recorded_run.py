"""From a file of videos to a report: a whole run on data of which nothing but the pixels is known."""

import json

import numpy as np
import pytest
from test_main import command

SIDE, FRAMES = 40, 18


def disc(rng: np.random.Generator) -> np.ndarray:
    """A disc that crosses a plain field and bounces off its border."""
    field, colour = rng.integers(40, 120, 3), rng.integers(150, 255, 3)
    place, speed, radius = rng.uniform(8, SIDE - 8, 2), rng.uniform(-1.5, 1.5, 2), rng.uniform(4, 8)
    y, x = np.mgrid[:SIDE, :SIDE]
    video = np.empty((FRAMES, SIDE, SIDE, 3), np.uint8)
    for frame in video:
        inside = (y - place[0]) ** 2 + (x - place[1]) ** 2 < radius**2
        frame[:] = np.where(inside[..., None], colour, field)
        place = place + speed
        speed = np.where((place < 5) | (place > SIDE - 5), -speed, speed)
    return video


@pytest.mark.slow
def test_a_debug_run_on_a_user_s_videos_beats_the_mean_frame(tmp_path):
    rng = np.random.default_rng(0)
    np.savez_compressed(tmp_path / "discs.npz", video=np.stack([disc(rng) for _ in range(120)]))
    done = command(tmp_path, "--config=baseline:debug", "--config.data.source=arrays:discs.npz")
    assert done.returncode == 0, done.stderr[-3000:]
    assert "no objects are known in arrays:discs.npz: every pixel weighs the same" in done.stdout
    workdir = tmp_path / "runs/baseline-debug"
    scores = json.loads((workdir / "evaluation.json").read_text())["splits"]["test_iid"]["scores"]
    floors = {"copy_last", "context_mean", "mean_frame", "black_frame"}
    assert scores.keys() == floors | {"model", "tokenizer_reconstruction"}
    assert scores["model"]["psnr"] > scores["mean_frame"]["psnr"] + 1
    assert scores["model"]["openstl_mse"] < scores["mean_frame"]["openstl_mse"]
    assert scores["model"]["openstl_ssim"] > scores["mean_frame"]["openstl_ssim"]
    assert scores["model"]["bits_per_token"] > 0
    assert all(scores[name]["ade"] is scores[name]["foreground_psnr"] is None for name in scores)
    assert "Best cases" in (workdir / "report/index.html").read_text()
