"""The report of synthetic workdirs: what it says is what the files say, and nothing more."""

import html
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from futurepred_jax.report import write_report

CONTEXT, FUTURE, SIZE = 9, 8, 32
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


def evaluation(predictors: dict[str, float]) -> dict:
    split = {
        "sha256": "9f2c" * 16,
        "clips": 256,
        "context_frames": CONTEXT,
        "future_frames": FUTURE,
        "sampling": {"temperature": 0.0, "top_k": 0, "top_p": 1.0},
        "scores": {name: scores_at(quality) for name, quality in predictors.items()},
        "curves": {name: curves_at(quality) for name, quality in predictors.items()},
        "codebook": {"usage": 0.613, "perplexity": 402.7, "sizes": [1000]},
    }
    split |= {"tracker": {"ade": 0.31, "fde": 0.3, "recall": 0.984}}
    if "model" in predictors:
        split["scores"]["model"] |= {"token_accuracy": 0.587, "bits_per_token": 3.41}
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


def write_predictions(folder: Path, count: int) -> None:
    folder.mkdir()
    entries = []
    for index in range(count):
        name, why = f"test_iid-{index:06d}", ["random", "random", "best", "worst"][index % 4]
        quality = {"random": 0.95, "best": 1.15, "worst": 0.4}[why]
        truth, guess = film(index), film(index, blur={"random": 0.8, "best": 0.2, "worst": 2.5}[why])
        arrays = {
            "context": truth[:CONTEXT],
            "truth": truth[CONTEXT:],
            "prediction": guess[CONTEXT:],
            "copy_last": truth[CONTEXT - 1 : CONTEXT].repeat(FUTURE, axis=0),
        }
        np.savez_compressed(folder / f"{name}.npz", **arrays)  # pyright: ignore[reportArgumentType]
        scores = {"model": scores_at(quality), "copy_last": scores_at(0.7)}
        entries.append({"name": name, "split": "test_iid", "index": index, "why": why, "scores": scores, "fps": 6.0})
        entries[-1] |= {"gif": f"{name}.gif", "npz": f"{name}.npz"}
    (folder / "index.json").write_text(json.dumps(entries))


def write_training(folder: Path, *, model: str, steps: int = 1200, seed: int = 0) -> None:
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
    (folder / "summary.json").write_text(json.dumps(summary))
    config = {"name": "baseline", "preset": "tiny", "seed": 0, "transformer": {"width": 192, "layers": 6}}
    (folder / "config.json").write_text(json.dumps(config))


def write_workdir(folder: Path, model: float = 1.0, films: int = 4) -> Path:
    """A predictor's workdir whose model is of the given quality."""
    write_training(folder, model="Transformer")
    content = evaluation({**CEILINGS, "model": model, **FLOORS})
    (folder / "evaluation.json").write_text(json.dumps(content))
    rng = np.random.default_rng(1)
    per_clip = {
        name: {metric: (value + rng.normal(0, 0.08, 256) * value).tolist() for metric, value in scores.items() if value}
        for name, scores in content["splits"]["test_iid"]["scores"].items()
    }
    clips = {"test_iid": {"index": list(range(256)), "scores": per_clip}}
    (folder / "evaluation_clips.json").write_text(json.dumps(clips))
    write_predictions(folder / "predictions", films)
    return folder


def write_tokenizer(folder: Path) -> Path:
    """A tokenizer's workdir: only its reconstructions are scored."""
    write_training(folder, model="MagVit", seed=3)
    (folder / "evaluation.json").write_text(json.dumps(evaluation({"tokenizer_reconstruction": 1.2})))
    return folder


def words(page: str) -> str:
    """The page's text as a reader sees it."""
    page = re.sub(r"<(script|style)\b.*?</\1>", " ", page, flags=re.DOTALL)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", page)))


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory) -> Path:
    return write_tokenizer(tmp_path_factory.mktemp("runs") / "tokenizer-tiny")


@pytest.fixture(scope="module")
def workdir(tmp_path_factory) -> Path:
    return write_workdir(tmp_path_factory.mktemp("runs") / "baseline-tiny", films=12)


@pytest.fixture(scope="module")
def page(workdir, tokenizer) -> str:
    return Path(write_report(workdir, tokenizer)).read_text()


def test_the_page_asks_for_nothing_outside_itself(page):
    assert not re.findall(r"https?://", page)
    sources = re.findall(r'(?:src|href|srcset|data|poster|action)="([^"]*)"', page)
    assert sources
    assert all(source.startswith(("data:image/", "#")) for source in sources)
    assert not re.findall(r"@import|url\(|\bfetch\(|<link|<iframe", page)
    assert "default-src 'none'" in page


def test_scores_in_the_page_are_those_of_the_evaluation(page, workdir):
    table = words(
        page[page.index('<table class="scores"') : page.index("</table>", page.index('<table class="scores"'))]
    )
    scores = json.loads((workdir / "evaluation.json").read_text())["splits"]["test_iid"]["scores"]
    digits = {"psnr": 2, "ssim": 3, "foreground_psnr": 2, "ade": 2, "fde": 2, "recall": 3, "mse": 5, "mae": 4}
    rows = {"Model": "model", "Copy-last-frame": "copy_last", "Tokenizer reconstruction": "tokenizer_reconstruction"}
    for label, name in rows.items():
        printed = re.search(rf"{label} (?:floor |ceiling )?((?:[\d.–]+ )+)", table)
        assert printed
        expected = [f"{scores[name][metric]:.{places}f}" for metric, places in digits.items()]
        assert printed.group(1).split()[: len(digits)] == expected
    assert "0.587" in table
    assert "3.41" in table


def test_the_best_floor_is_marked_and_differences_stand_under_the_model(page):
    boxed = re.findall(r'title="best floor">([^<]+)<', page)
    assert boxed[0] == f"{scores_at(0.9)['psnr']:.2f}"  # constant velocity
    assert f"against the best floor +{10.6 * 0.1:.2f}" in words(page)


def test_training_is_told_by_the_summary(page):
    text = words(page)
    for fact in ("2,190,848", "6 min 43 s", "1,200", "cpu × 1 (2 cores)", "11.37", "3,411", "31 %", "1,806,336"):
        assert fact in text
    assert "Training of the tokenizer tokenizer-tiny" in text
    assert "transformer.width 192" in text
    assert "192 × 3 × 64" in text


def test_a_dozen_players_with_best_and_worst_apart(page):
    assert page.count('<figure class="player"') == 12
    sections = re.split(r"<h3>(?=Drawn at random|Best cases|Worst cases)", page)[1:]
    assert [section.count('<figure class="player"') for section in sections] == [6, 3, 3]
    assert "Best cases" in sections[1][:20]
    assert f"{scores_at(1.15)['psnr']:.2f}" in words(sections[1])
    assert f"{scores_at(0.4)['psnr']:.2f}" in words(sections[2])
    assert page.count(f'data-context="{CONTEXT}"') == 12


def test_a_winning_model_beats_and_a_losing_one_does_not(page, tmp_path):
    winner = words(page)
    assert "The model beats constant velocity, copy-last-frame, context mean and mean frame on PSNR" in winner
    assert "does not beat copy-last-frame" not in winner
    loser = words(Path(write_report(write_workdir(tmp_path / "poor", model=0.3))).read_text())
    assert "It does not beat constant velocity, copy-last-frame, context mean and mean frame on PSNR" in loser
    assert "beats copy-last-frame" not in loser


def test_a_tokenizer_alone(tokenizer):
    text = words(Path(write_report(tokenizer)).read_text())
    assert "Video tokenizer report" in text
    assert "The tokenizer's reconstruction scores PSNR 27.72 dB" in text
    assert "61 % of 1,000 codes" in text
    assert "Predicted videos" not in text
    assert "beats" not in text.split("How to read this")[1].split("Scores")[0]


def test_a_tokenizer_trained_elsewhere_is_named(workdir, tmp_path):
    (tmp_path / "borrowed").mkdir()
    page = Path(write_report(workdir, tmp_path / "borrowed")).read_text()
    assert "The tokenizer of borrowed was not trained there" in page


@pytest.mark.parametrize(
    ("lost", "mode"),
    [
        ("evaluation.json", "evaluate"),
        ("metrics.jsonl", "train"),
        ("summary.json", "train"),
        ("predictions/index.json", "predict"),
        ("predictions/test_iid-000003.npz", "predict"),
    ],
)
def test_a_missing_file_names_the_mode_to_run(tmp_path, lost, mode):
    folder = write_workdir(tmp_path / "run")
    (folder / lost).unlink()
    with pytest.raises(FileNotFoundError, match=f"{re.escape(lost)} is missing: run --mode={mode}"):
        write_report(folder)
    assert not (folder / "report").exists()


@pytest.mark.parametrize("damaged", ["evaluation.json", "predictions/test_iid-000003.npz"])
def test_a_damaged_file_is_an_error(tmp_path, damaged):
    folder = write_workdir(tmp_path / "run")
    path = folder / damaged
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ValueError, match=f"{re.escape(damaged)} is damaged"):
        write_report(folder)


def test_a_line_cut_short_is_left_out_and_said(tmp_path):
    folder = write_workdir(tmp_path / "run")
    log = folder / "metrics.jsonl"
    lines = log.read_text().splitlines()
    log.write_text("\n".join(lines)[:-30])
    text = words(Path(write_report(folder)).read_text())
    assert f"Line {len(lines)} of metrics.jsonl is cut short, as a process killed while writing leaves it" in text


def test_a_broken_line_amid_the_log_is_said_too(tmp_path):
    folder = write_workdir(tmp_path / "run")
    log = folder / "metrics.jsonl"
    log.write_text('{"step": 5, "los' + log.read_text())
    assert "Line 1 of metrics.jsonl is unreadable" in words(Path(write_report(folder)).read_text())


def test_names_cannot_break_out_of_the_page(tmp_path):
    attack = "<img src=x onerror=alert(1)>"
    folder = write_workdir(tmp_path / "a<b>")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "preset": attack, attack: "</script><b>"}))
    content = json.loads((folder / "evaluation.json").read_text())
    scores, curves = content["splits"]["test_iid"]["scores"], content["splits"]["test_iid"]["curves"]
    scores[attack], curves["</script><i>"] = scores_at(0.5), curves_at(0.5)
    (folder / "evaluation.json").write_text(json.dumps(content))
    page = Path(write_report(folder)).read_text()
    assert attack not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page
    assert "</script><" not in re.sub(r"</script>\n?</(body|figure)", "", page).replace("</script>\n", "")
    assert "<title>a&lt;b&gt; · report</title>" in page


def test_random_predictions_alone_say_what_is_missing(tmp_path):
    folder = write_workdir(tmp_path / "run")
    index = folder / "predictions" / "index.json"
    entries = [{**entry, "why": "random", "scores": {}} for entry in json.loads(index.read_text())]
    index.write_text(json.dumps(entries))
    (folder / "evaluation_clips.json").unlink()
    page = Path(write_report(folder)).read_text()
    assert "Best and worst cases need scores clip by clip" in page
    assert "of clips</span>" not in page


def test_the_report_is_repeatable_and_whole(workdir):
    path = Path(write_report(workdir))
    first = path.read_bytes()
    assert Path(write_report(workdir)).read_bytes() == first
    assert [file.name for file in path.parent.iterdir()] == ["index.html"]


def test_no_accelerator_stack_is_needed():
    code = "import sys, futurepred_jax.report; print({'jax', 'tensorflow', 'flax'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
