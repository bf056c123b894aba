import json

import jax.numpy as jnp
import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from futurepred_jax.training import atomic
from futurepred_jax.training.window import MetricWindow
from futurepred_jax.training.writers import Writer, read_metrics, truncate


def metrics(loss, **more):
    return {name: jnp.float32(value) for name, value in {"loss": loss, "grad_norm": 1, "param_norm": 2, **more}.items()}


def test_later_lines_and_one_cut_short_by_a_kill_go(tmp_path):
    path = tmp_path / "metrics.jsonl"
    lines = [json.dumps({"step": step, "split": split}) + "\n" for step in (5, 10, 15) for split in ("train", "val")]
    path.write_text("".join(lines) + '{"step": 2')
    assert [line["step"] for line in read_metrics(path)] == [5, 5, 10, 10, 15, 15]
    truncate(path, 10)
    assert path.read_text() == "".join(lines[:4])


def test_a_value_that_is_not_finite_becomes_null(tmp_path):
    with Writer(tmp_path, start=0) as writer:
        writer.write(3, "val", {"psnr": float("inf"), "mse": 0.25})
    [line] = read_metrics(tmp_path / "metrics.jsonl")
    assert (line["step"], line["split"], line["psnr"], line["mse"]) == (3, "val", None, 0.25)


def test_a_window_continues_from_what_was_saved_to_the_last_bit():
    losses = np.random.default_rng(0).normal(size=9).astype(np.float32)
    whole, first = MetricWindow(), MetricWindow()
    for step, loss in enumerate(losses):
        whole.add(metrics(loss), step)
    for step, loss in enumerate(losses[:4]):
        first.add(metrics(loss), step)
    second = MetricWindow(json.loads(json.dumps(first.saved())))
    for step, loss in enumerate(losses[4:]):
        second.add(metrics(loss), step)
    assert second.means() == whole.means()
    assert whole.means()["loss"] == pytest.approx(losses.mean(), rel=1e-5)


@pytest.mark.parametrize("name", ["loss", "grad_norm", "param_norm"])
def test_a_window_names_its_first_step_that_is_not_finite(name):
    window = MetricWindow()
    for step, value in enumerate([1.0, float("inf"), float("nan"), 1.0]):
        window.add(metrics(**{"loss": 1.0, name: value}), step)
    with pytest.raises(FloatingPointError, match=r"not finite at step 1, batch 0;.*--mode=replay --step=1"):
        window.require_sound(skip=False)


def test_a_window_that_skips_has_the_means_of_its_sound_steps():
    window = MetricWindow()
    for step, value in enumerate([1.0, float("nan"), 1e7, 3.0], start=1):
        window.add(metrics(value), step)
    window.require_sound(skip=True)
    assert window.skipped() == (2, 2)
    assert window.means()["loss"] == 2.0
    resumed = MetricWindow(json.loads(json.dumps(window.saved())))
    assert resumed.means() == window.means()
    assert resumed.skipped()[0] == 2


def test_a_window_without_a_sound_step_ends_a_training_that_skips():
    window = MetricWindow()
    window.add(metrics(float("nan")), 7)
    with pytest.raises(FloatingPointError, match="at step 7"):
        window.require_sound(skip=True)


def test_another_metric_may_be_anything():
    window = MetricWindow()
    window.add(metrics(1.0, perplexity=float("inf")), 1)
    window.require_sound(skip=False)


def test_a_file_is_replaced_whole_and_nothing_stays_beside_it(tmp_path):
    path = tmp_path / "summary.json"
    for text in ("first and longer", "second"):
        atomic.write_text(path, text)
    assert path.read_text() == "second"
    assert list(tmp_path.iterdir()) == [path]


def test_resumed_curves_have_each_step_once(tmp_path):
    with Writer(tmp_path, start=0) as writer:
        for step in (2, 4, 6):
            writer.write(step, "train", {"loss": float(step)})
    killed = next((tmp_path / "tensorboard").glob("*tfevents*"))
    killed.write_bytes(killed.read_bytes()[:-3])  # in the middle of the line of step 6
    with Writer(tmp_path, start=2) as writer:
        for step in (4, 8):
            writer.write(step, "train", {"loss": 10.0 * step})
    points = EventAccumulator(str(tmp_path / "tensorboard"), purge_orphaned_data=False).Reload().Scalars("train/loss")
    assert [(point.step, point.value) for point in points] == [(2, 2), (4, 40), (8, 80)]
