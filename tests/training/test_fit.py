import dataclasses
import json
import signal

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from checkpoint_files import assert_equal, damage, newest_good, newest_progress
from regression_job import STEPS, arrays, loss, make_job, predict, signalled_job

from futurepred_jax.train import fit
from futurepred_jax.training import checkpoints, summary
from futurepred_jax.training.writers import read_metrics

TIMINGS = {"time", *summary.RATES, "goodput", "input_wait", "compile_seconds", "peak_memory_bytes"}


def untimed(workdir):
    """The logged lines without what depends on the clock."""
    lines = read_metrics(workdir / "metrics.jsonl")
    return [{name: value for name, value in line.items() if name not in TIMINGS} for line in lines]


def snapshot(folder):
    return {path: (path.stat().st_mtime_ns, path.is_file() and path.read_bytes()) for path in folder.rglob("*")}


def stop(workdir, at, **changes):
    """Train until a SIGTERM that comes while batch number ``at`` is read."""
    with pytest.raises(SystemExit) as stopped:
        fit(signalled_job(signal.SIGTERM, at, **changes), workdir)
    assert stopped.value.code == 128 + signal.SIGTERM


def test_it_learns_a_regression_and_validates_the_average(finished):
    workdir, state = finished
    lines = untimed(workdir)
    train = [line for line in lines if line["split"] == "train"]
    val = [line for line in lines if line["split"] == "val"]
    assert [line["step"] for line in train] == [4, 8, 12, 16, 20]
    assert [line["step"] for line in val] == [10, 20]
    held_out = arrays(32, seed=2)
    error = predict(state.ema_params, held_out["inputs"]) - held_out["targets"]
    np.testing.assert_allclose(val[-1]["mse"], np.mean(error**2), rtol=1e-5)
    assert val[-1]["mse"] < 0.8 * np.var(held_out["targets"])
    assert train[-1]["loss"] < 0.3 * train[0]["loss"]
    assert state.step == state.model_state["seen"] == STEPS


def test_the_summary_tells_what_was_trained(finished):
    workdir, _ = finished
    found = json.loads((workdir / "summary.json").read_text())
    assert found["parameters"] == {"head": 17, "hidden": 80, "total": 97}
    assert ["hidden/kernel", [4, 16], 64] in found["parameter_table"]
    assert (found["model"], found["steps"], found["jax"]) == ("regression", STEPS, jax.__version__)
    throughput = found["throughput"]
    assert throughput["clips_per_second"] == pytest.approx(16 * throughput["steps_per_second"])
    assert 0 < throughput["mfu"] < 1
    assert throughput["tokens_per_second"] is None
    assert found["seconds"] > STEPS / throughput["steps_per_second"]
    assert list((workdir / "tensorboard").glob("events*"))


def test_a_finished_run_is_returned_and_nothing_touched(finished):
    workdir, state = finished
    before = snapshot(workdir)
    assert_equal(fit(make_job(), workdir), state)
    assert snapshot(workdir) == before


def test_stopped_and_resumed_equals_uninterrupted_and_every_line_stands_once(finished, tmp_path):
    stop(tmp_path, 9)
    assert newest_progress(tmp_path).step not in (0, STEPS)
    assert not (tmp_path / "summary.json").exists()
    state = fit(make_job(), tmp_path)
    assert_equal(state, finished[1])
    assert untimed(tmp_path) == untimed(finished[0])


def test_a_damaged_newest_checkpoint_costs_steps_and_no_bits(finished, tmp_path, caplog):
    stop(tmp_path, 18)
    newest = newest_good(tmp_path)
    damage(tmp_path, int(newest.name))
    assert_equal(fit(make_job(), tmp_path), finished[1])
    assert untimed(tmp_path) == untimed(finished[0])
    assert f"removing the damaged checkpoint of step {newest.name}" in caplog.text


def test_seconds_add_up_over_resumptions(tmp_path):
    stop(tmp_path, 9)
    first = newest_progress(tmp_path).seconds
    fit(make_job(), tmp_path)
    assert json.loads((tmp_path / "summary.json").read_text())["seconds"] > first > 0


def test_a_summary_lost_after_the_last_step_is_written_again(finished, tmp_path):
    stop(tmp_path, STEPS - 1, steps=STEPS)
    fit(make_job(), tmp_path)
    (tmp_path / "summary.json").unlink()
    assert_equal(fit(make_job(), tmp_path), finished[1])
    assert (tmp_path / "summary.json").exists()
    assert untimed(tmp_path) == untimed(finished[0])


def test_a_loss_that_is_not_finite_names_its_step_and_keeps_the_last_good_checkpoint(tmp_path):
    def breaks(params, model_state, batch, *, key, step):
        result = loss(params, model_state, batch, key=key, step=step)
        return result._replace(value=jnp.where(step == 12, jnp.nan, result.value))

    job = make_job(loss=breaks)
    with pytest.raises(FloatingPointError, match=r"not finite at step 13.*last good checkpoint is kept.*Lower"):
        fit(job, tmp_path)
    assert newest_good(tmp_path).name == "10"
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(checkpoints.load_params(tmp_path).params))
    assert max(line["step"] for line in untimed(tmp_path)) == 12


def test_statistics_that_are_not_finite_are_not_saved_though_the_loss_is(tmp_path):
    def breaks(params, model_state, batch, *, key, step):
        result = loss(params, model_state, batch, key=key, step=step)
        mean = jnp.where(step == 12, jnp.nan, result.model_state["mean"])
        return result._replace(model_state={**result.model_state, "mean": mean})

    with pytest.raises(FloatingPointError, match=r"is not finite at step 15\. Nothing was saved"):
        fit(make_job(loss=breaks), tmp_path)
    assert newest_good(tmp_path).name == "10"
    assert np.isfinite(checkpoints.load_params(tmp_path).model_state["mean"]).all()


def test_a_loss_that_is_not_finite_is_skipped_where_that_is_asked_for(tmp_path, caplog):
    def breaks(params, model_state, batch, *, key, step):
        result = loss(params, model_state, batch, key=key, step=step)
        return result._replace(value=jnp.where(step == 11, jnp.nan, result.value))

    state = fit(make_job(loss=breaks, on_nan="skip"), tmp_path)
    assert state.step == STEPS
    assert state.model_state["seen"] == STEPS - 1
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(state.params))
    [line] = [line for line in untimed(tmp_path) if line.get("skipped_steps")]
    assert (line["step"], line["skipped_steps"]) == (12, 1)
    assert np.isfinite(line["loss"])
    assert "1 steps were skipped up to 12, not finite or exploded, as step 12" in caplog.text


def test_the_best_checkpoint_stays_when_newer_ones_come(tmp_path):
    scores = iter([3.0, 1.0, 2.0, 5.0])

    def validate(params, model_state, batch):
        return {"mse": jax.pure_callback(lambda: np.float32(next(scores)), jax.ShapeDtypeStruct((), np.float32))}

    job = make_job(validate=validate, validate_every=5, val_batches=1, best="mse", mesh_shape={"data": -1})
    fit(job, tmp_path)
    kept = sorted(int(path.name) for path in (tmp_path / "checkpoints").iterdir())
    assert kept == [10, 15, 20]
    assert checkpoints.best(tmp_path) == tmp_path / "checkpoints" / "10"
    assert newest_good(tmp_path).name == "20"
    damage(tmp_path, 10)
    assert checkpoints.best(tmp_path) == tmp_path / "checkpoints" / "15"


def test_a_log_says_where_the_time_went(finished):
    [last] = [line for line in read_metrics(finished[0] / "metrics.jsonl") if line["step"] == STEPS][:1]
    assert 0 < last["goodput"] < 1
    assert 0 <= last["input_wait"] < 1
    assert last["compile_seconds"] > 0
    assert last["peak_memory_bytes"] > 2**20


def test_a_profiled_run_leaves_a_trace(tmp_path):
    fit(make_job(profile="3:4", steps=6), tmp_path)
    assert list((tmp_path / "tensorboard" / "plugins" / "profile").rglob("*.xplane.pb"))


def test_a_checkpoint_of_another_model_stops_it_before_anything_is_lost(tmp_path):
    stop(tmp_path, 9)
    before = snapshot(tmp_path)
    with pytest.raises(checkpoints.CheckpointError, match="does not fit"):
        fit(make_job(ema_decay=0.0), tmp_path)
    assert snapshot(tmp_path) == before


def test_a_batch_that_lacks_a_field_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"no field \['clip'\]; it has \['inputs', 'targets'\]"):
        fit(make_job(batch_keys=("inputs", "clip")), tmp_path)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"steps": 0}, "steps is 0"),
        ({"on_nan": "ignore"}, "known are stop, skip"),
        ({"ema_decay": 1.0}, r"in \[0, 1\)"),
        ({"val_batches": 3}, "needs 48 held-out clips, and there are 32"),
    ],
)
def test_a_job_that_cannot_run_is_refused(changes, rule):
    with pytest.raises(ValueError, match=rule):
        make_job(**changes)


def test_a_workdir_under_a_file_is_refused_before_any_work(tmp_path):
    (tmp_path / "file").write_text("kept")
    job = dataclasses.replace(make_job(), train_source=make_job().val_source)
    with pytest.raises(ValueError, match=r"cannot write to the workdir .*file/run: .*--workdir"):
        fit(job, tmp_path / "file" / "run")
    assert (tmp_path / "file").read_text() == "kept"
