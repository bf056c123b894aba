"""The report of synthetic workdirs: what it says is what the files say, and nothing more."""

import html
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from workdirs import CONTEXT, FUTURE, curves_at, scores_at, write_tokenizer, write_workdir

from futurepred_jax.report import write_report


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


def test_the_curves_are_beside_the_page_as_a_table(page, workdir):
    logged = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    header, *lines = (workdir / "report/curves.csv").read_text().splitlines()
    assert header.startswith("split,step,")
    assert {line.split(",")[0] for line in lines} == {record["split"] for record in logged}


def test_scores_in_the_page_are_those_of_the_evaluation(page, workdir):
    start = page.index('<table class="scores')
    html_of_table = re.sub(r'<small class="doubt">.*?</small>', "", page[start : page.index("</table>", start)])
    table = words(html_of_table)
    scores = json.loads((workdir / "evaluation.json").read_text())["splits"]["test_iid"]["scores"]
    digits = {"psnr": 2, "ssim": 3, "foreground_psnr": 2, "ade": 2, "recall": 3}
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


def test_a_dozen_clips_can_be_picked(page):
    clips = json.loads(re.findall(r'<script type="application/json" class="clips">(.*?)</script>', page)[0])
    assert [clip["case"][0] for clip in clips] == ["random"] * 6 + ["best"] * 3 + ["worst"] * 3
    assert {clip["context"] for clip in clips} == {CONTEXT}
    assert {clip["frames"] for clip in clips} == {CONTEXT + FUTURE}
    assert clips[6]["scores"][0] == ["Predicted", f"{scores_at(1.15)['psnr']:.2f}", "0.871", "19.70", "1.46"]
    for motion in ("loop", "straight", "u turn"):
        assert f"<option>{motion}</option>" in page


def test_scores_are_broken_down_by_motion_and_clutter_with_intervals(page):
    text = words(page)
    assert "loop (32 targets)" in text
    assert "1–4 (" in text
    assert re.search(r"<title>Model 1\.8\d px \[1\.\d\d, 1\.\d\d\]</title>", page)


def test_failures_are_counted_by_kind(page):
    table = words(page[page.index('<table class="failures') :].split("</table>")[0])
    assert re.search(r"Loses objects Fewer than half of the visible objects are found\. .*of 96", table)


def test_calibration_leaves_out_bins_without_a_digit(page):
    assert "Model: expected calibration error 0.0100" in words(page)


def test_several_splits_are_tabled_together_and_picked_apart(tmp_path):
    page = Path(write_report(write_workdir(tmp_path / "run", splits=("test_iid", "test_speed")))).read_text()
    assert "All splits" in words(page)
    assert (
        '<select id="split"><option>test_iid</option><option>test_speed</option><option value="">all</option>' in page
    )
    assert page.count('data-split="test_speed"') == page.count('data-split="test_iid"') > 3


def test_a_workdir_evaluated_without_objects_has_no_breakdown(tmp_path):
    folder = write_workdir(tmp_path / "run")
    clips = json.loads((folder / "evaluation_clips.json").read_text())
    del clips["test_iid"]["objects"], clips["test_iid"]["about"]
    (folder / "evaluation_clips.json").write_text(json.dumps(clips))
    assert "By motion and by clutter" not in Path(write_report(folder)).read_text()


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
    assert "To show best and worst cases, which need scores by clip" in page
    assert "of clips</span>" not in page


def test_the_report_is_repeatable_and_whole(workdir):
    path = Path(write_report(workdir))
    first = path.read_bytes()
    assert Path(write_report(workdir)).read_bytes() == first
    assert sorted(file.name for file in path.parent.iterdir()) == ["curves.csv", "index.html"]


def test_of_recorded_videos_the_page_names_the_source_and_shows_no_score_that_nobody_has(tmp_path):
    workdir = write_workdir(tmp_path / "baseline", films=1)
    path = workdir / "evaluation.json"
    document = json.loads(path.read_text())
    split = document["splits"]["test_iid"]
    split["data"] = "files:walks"
    for scores in split["scores"].values():
        scores |= dict.fromkeys(("foreground_psnr", "ade", "fde", "recall", "mask_iou"))
    path.write_text(json.dumps(document))
    page = Path(write_report(workdir)).read_text()
    assert "Held-out split test_iid of files:walks" in words(page)
    summary = words(page[page.index('id="summary"') : page.index('id="scores"')])
    assert "SSIM" in summary
    assert "Foreground PSNR" not in summary
    assert "ADE" not in summary


def test_no_accelerator_stack_is_needed():
    code = "import sys, futurepred_jax.report; print({'jax', 'tensorflow', 'flax'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
