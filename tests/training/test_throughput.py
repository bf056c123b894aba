import time

import jax
import pytest
from regression_job import make_job

from futurepred_jax.training import compilation, summary, throughput
from futurepred_jax.training.throughput import Meter


def test_the_meter_counts_nothing_while_it_is_paused():
    meter = Meter(steps=10, seconds=1.0)
    assert meter.lap() is None
    meter.resume(10)
    time.sleep(0.02)
    meter.pause(14)
    counted = meter.seconds
    time.sleep(0.02)
    meter.pause(99)
    assert (meter.steps, meter.seconds) == (14, counted)
    assert meter.lap() == pytest.approx(4 / (counted - 1.0))
    assert meter.steps_per_second == pytest.approx(14 / counted)


def test_rates_follow_from_the_batch_and_the_analytic_work():
    job = make_job(flops_per_step=2e9, tokens_per_clip=320)
    rates = summary.rates(job, 2.5, peak=1e11)
    assert rates == {"steps_per_second": 2.5, "clips_per_second": 40, "tokens_per_second": 12800, "mfu": 0.05}
    assert set(summary.rates(job, None, peak=1e11).values()) == {None}


def test_the_matmul_speed_is_that_of_a_computer():
    assert 1e9 < throughput.matmul_flops_per_second(jax.devices()[0]) < 1e16
    assert throughput.hardware()


def test_a_compilation_cache_that_is_set_is_kept_and_takes_programs_of_any_size(compilation_cache):
    assert compilation.enable_compilation_cache() == compilation_cache
    assert jax.config.values["jax_persistent_cache_min_compile_time_secs"] == 0.0


def test_the_parameter_table_counts_arrays_and_modules():
    table = summary.parameter_table(jax.eval_shape(make_job().init, jax.random.key(0))[0])
    assert summary.count_modules(table) == {"head": 17, "hidden": 80, "total": 97}
    lines = summary.format_table(table).splitlines()
    assert lines[1].split() == ["head/kernel", "(16,", "1)", "16"]
    assert lines[-1].split() == ["total", "97"]
