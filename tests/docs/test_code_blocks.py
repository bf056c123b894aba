"""What the documentation shows can be typed as it stands."""

import itertools
import os
import shutil
import subprocess
import sys

import pytest
from code_blocks import PAGES, ROOT, RUN, SHOWN, Block, blocks, commands, promised, write_programs

NAMES = [str(page.relative_to(ROOT / "docs")) for page in PAGES]
PRELUDE = "from jax import config; config.update('jax_num_cpu_devices', 8)\n"


@pytest.fixture(scope="session")
def desk(tmp_path_factory):
    """A folder to work in, with the stand-ins beside it, and the debug run that index.md makes."""
    folder, programs = tmp_path_factory.mktemp("desk"), tmp_path_factory.mktemp("programs")
    write_programs(programs)
    environment = {
        **os.environ,
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "JAX_PLATFORMS": "cpu",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    desk = (folder, environment)
    run(desk, Block(PAGES[0], 0, "console", "$ python -m futurepred_jax.main --config=baseline:debug"))
    return desk


def run(desk, block: Block) -> str:
    """What a block prints."""
    folder, environment = desk
    line = ["bash", "-e", "-c", commands(block)] if block.language == "console" else [sys.executable, "-c", block.text]
    done = subprocess.run(line, cwd=folder, env=environment, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, f"{block.name}\n{block.text}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
    return done.stdout


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_a_block_is_run_or_says_that_it_is_only_shown(page):
    assert {block.language for block in blocks(page)} <= {*RUN, *SHOWN}


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_the_blocks_of_a_page_run_one_after_another(page, desk):
    """Blocks of Python that follow each other, with nothing typed between them, are one program."""
    for language, found in itertools.groupby(blocks(page), key=lambda block: block.language):
        some = list(found)
        if language == "python":
            run(desk, some[0]._replace(text=PRELUDE + "\n\n".join(block.text for block in some)))
        for block in some if language == "console" else ():
            printed = run(desk, block)
            assert all(line in printed for line in promised(block)), (block.name, printed)


EVALUATION = """
import numpy as np

from futurepred_jax import evaluate, factory
from futurepred_jax.configs import baseline

config = baseline.get_config("debug")
config.evaluation.clips = 2
clips = factory.open_split(config, "test_iid")
lengths = {"context_frames": 5, "future_frames": 4}
protocol = evaluate.EvaluationProtocol(factory.sampling(config), clips=2, batch_size=2, **lengths)
truth = (clips.batch(np.arange(2))["video"][:, 5:] / 255).astype(np.float32)
scores = evaluate.evaluate_video(truth, clips, protocol, np.zeros((32, 32, 3), np.float32)).summary["scores"]
print(scores["model"]["gradient_error"] < 1e-6 < scores["copy_last"]["gradient_error"])
"""


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_a_change_that_a_page_shows_applies_to_what_there_is(page):
    for block in blocks(page):
        if block.language == "diff":
            subprocess.run(["git", "apply", "--check", "-"], cwd=ROOT, input=block.text, text=True, check=True)


@pytest.mark.slow
def test_a_metric_that_is_added_as_its_page_says_is_in_an_evaluation(tmp_path):
    function, _, change = blocks(ROOT / "docs/extending/metric.md")
    shutil.copytree(ROOT / "futurepred_jax", tmp_path / "futurepred_jax", ignore=shutil.ignore_patterns("parts"))
    (tmp_path / "futurepred_jax/metrics/gradients.py").write_text(function.text)
    subprocess.run(["git", "apply", "-"], cwd=tmp_path, input=change.text, text=True, check=True)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "JAX_PLATFORMS": "cpu"}
    line = [sys.executable, "-c", EVALUATION]
    done = subprocess.run(line, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1:] == ["True"], done.stderr[-3000:]
