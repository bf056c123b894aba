"""The benchmark of the training loop, on a training that costs nothing."""

import pytest
from regression_job import make_job

from futurepred_jax.benchmarks import loop


def test_the_loop_is_timed_beside_its_step_with_validation_and_checkpoints_left_out(tmp_path):
    found = loop.cost(make_job(validate_every=20, checkpoint_every=20), str(tmp_path), turns=1)
    assert found.reading > 0
    assert found.main > 0
    assert found.alone >= found.main_alone > 0
    assert found.overhead > 0
    assert 0 <= found.waited < 1
    assert (tmp_path / "0" / "metrics.jsonl").exists()


@pytest.mark.slow
def test_a_resumed_training_is_timed_from_its_start_to_its_first_step(tmp_path):
    words = ["--config=tokenizer:debug", f"--config.storage.clips={tmp_path}/clips", "--config.data.train_clips=64"]
    assert min(loop.restart([*words, "--config.evaluation.clips=64"], f"{tmp_path}/run")) > 0
    checkpoints = [int(folder.name) for folder in (tmp_path / "run" / "checkpoints").iterdir()]
    assert len(checkpoints) == 2
