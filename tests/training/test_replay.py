"""A step made again is the step that was made."""

import jax
import numpy as np
import pytest
from regression_job import STEPS, loss, make_job

from futurepred_jax.replay import replay
from futurepred_jax.train import fit
from futurepred_jax.training.writers import read_metrics


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A training with a line for each step; its checkpoints are those of steps 15 and 20."""
    workdir = tmp_path_factory.mktemp("trained")
    fit(make_job(log_every=1), workdir)
    return workdir, {line["step"]: line for line in read_metrics(workdir / "metrics.jsonl") if line["split"] == "train"}


@pytest.mark.parametrize(("step", "start"), [(17, 15), (16, 15), (3, 0)])
def test_a_step_has_its_logged_loss_to_the_last_bit(trained, step, start):
    workdir, lines = trained
    found = replay(make_job(log_every=1), workdir, step)
    assert found.start == start
    assert found.metrics["loss"] == lines[step]["loss"]
    assert found.metrics["grad_norm"] == lines[step]["grad_norm"]
    assert "equal to the last bit" in str(found)
    assert "NOT" not in str(found)


def test_a_line_that_covers_several_steps_is_met_too(trained, tmp_path):
    fit(make_job(), tmp_path)
    found = replay(make_job(), tmp_path, STEPS)
    assert found.logged is not None
    assert found.means["loss"] == found.logged["loss"] != found.metrics["loss"]


def test_the_batch_and_the_key_are_told(trained):
    seen = []

    def watched(params, model_state, batch, *, key, step):
        jax.debug.callback(lambda *values: seen.append(values), step, jax.random.key_data(key), batch["inputs"])
        return loss(params, model_state, batch, key=key, step=step)

    job = make_job(loss=watched, log_every=1)
    found = replay(job, trained[0], 17)
    jax.effects_barrier()
    keys = {int(step): key for step, key, _ in seen}
    batches = {int(step): batch for step, _, batch in seen}
    np.testing.assert_array_equal(found.key, keys[16])
    np.testing.assert_array_equal(job.train_source.batch(found.examples)["inputs"], batches[16])
    assert len(set(found.examples.tolist())) == job.batch_size


def test_another_loss_is_told_to_differ(trained):
    def other(params, model_state, batch, *, key, step):
        result = loss(params, model_state, batch, key=key, step=step)
        return result._replace(value=result.value * 2)

    assert "NOT EQUAL" in str(replay(make_job(loss=other, log_every=1), trained[0], 16))


@pytest.mark.parametrize("step", [0, STEPS + 1])
def test_a_step_that_is_not_of_the_training_is_refused(trained, step):
    with pytest.raises(ValueError, match=f"has the steps 1 to {STEPS}"):
        replay(make_job(), trained[0], step)
