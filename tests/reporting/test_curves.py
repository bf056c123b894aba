"""Curves are drawn where their numbers say."""

import re

import pytest
from workdirs import model_of

from futurepred_jax.reporting.charts import horizon_charts, thin, training_charts
from futurepred_jax.reporting.curves import (
    BOTTOM,
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    Axes,
    Line,
    draw,
    fit,
    log_ticks,
    ticks,
)
from futurepred_jax.reporting.models import scored_predictors
from futurepred_jax.reporting.workdir import Log


def points(svg: str, style: str) -> list[list[float]]:
    """Coordinates of every stretch of a line."""
    found = re.findall(rf'<polyline class="line {style}" points="([^"]*)"', svg)
    return [[float(number) for number in re.split("[ ,]", stretch)] for stretch in found]


def test_corners_of_the_axes():
    axes = Axes(0, 10, 1, 5)
    svg = draw([Line("a", "a", [0, 10], [1, 5])], axes, x_label="step", title="t")
    assert points(svg, "a") == [[LEFT, HEIGHT - BOTTOM, WIDTH - RIGHT, TOP]]
    assert Axes(0, 1, 1, 100, log=True).up(10) == pytest.approx((TOP + HEIGHT - BOTTOM) / 2)


def test_gaps_stay_gaps_and_outliers_leave_the_chart():
    line = Line("a", "a", range(6), [1.0, 2.0, None, 2.0, 99.0, 1.0])
    svg = draw([line], Axes(0, 5, 0, 3), x_label="step", title="t")
    assert [len(stretch) // 2 for stretch in points(svg, "a")] == [2, 1, 1]
    assert svg.count("<circle") == 2  # a lone point is a dot, or nobody would see it


def test_axes_hold_the_lines_and_turn_logarithmic_over_wide_ranges():
    axes = fit([Line("a", "a", [1, 2], [3.0, 8.0]), Line("b", "b", [0, 1], [5.0, 6.0], [2.0, 5.0], [5.0, 9.0])])
    assert (axes.left, axes.right, axes.log) == (0, 2, False)
    assert axes.bottom < 2.0 < 9.0 < axes.top
    assert fit([Line("a", "a", [1, 2], [0.01, 3.0])]).log
    assert not fit([Line("a", "a", [1, 2], [-0.01, 3.0])]).log
    flat = fit([Line("a", "a", [1, 2], [3.0, 3.0])])
    assert flat.bottom < 3.0 < flat.top


def test_ticks_are_round():
    assert ticks(0, 10) == [0, 2, 4, 6, 8, 10]
    assert ticks(0.31, 0.52) == pytest.approx([0.35, 0.4, 0.45, 0.5])
    assert log_ticks(0.002, 3) == pytest.approx([0.01, 0.1, 1])
    assert log_ticks(0.3, 3) == pytest.approx([0.5, 1, 2])


def test_titles_are_escaped():
    assert "<b>" not in draw([Line("a", "a", [0, 1], [0.0, 1.0])], Axes(0, 1, 0, 1), x_label="<b>", title='"<b>')


def test_many_records_become_bins_that_keep_extremes():
    values = [float(place % 10) for place in range(1000)]
    line = thin(range(1000), values, points=100)
    assert line.low is not None
    assert line.high is not None
    assert (len(line.y), set(line.low), set(line.high), set(line.y)) == (100, {0.0}, {9.0}, {4.5})
    assert list(thin(range(50), values[:50]).y) == values[:50]


def test_a_resumed_step_counts_once_and_the_later_record_wins():
    record = {"time": 0, "split": "train"}
    log = Log([{**record, "step": s, "loss": v} for s, v in ((1, 5.0), (2, 9.0), (2, 4.0), (3, 3.0))], [], 4)
    assert log.series("train", "loss") == ([1, 2, 3], [5.0, 4.0, 3.0])


def test_training_charts_put_the_loss_first_and_rates_apart():
    rows = [{"step": s, "time": 0, "split": "train", "lr_warm": 1.0, "grad_norm": 1.0, "loss": 1.0 / s} for s in (1, 2)]
    rows.append({"step": 2, "time": 0, "split": "val", "loss": float("nan"), "lr_warm": None})
    learned, operation = training_charts(Log(rows, [], 3))
    assert [chart.title for chart in learned] == ["Loss", "Lr warm"]
    assert [chart.title for chart in operation] == ["Grad norm"]
    assert "1 values are not finite and left out" in learned[0].notes


def test_horizon_chart_keeps_near_predictors_readable_and_names_what_lies_outside():
    curves = {"model": {"psnr": [25.0, 24.0]}, "copy_last": {"psnr": [24.0, 22.0]}, "black_frame": {"psnr": [6.0, 5.5]}}
    (chart,) = horizon_charts(
        scored_predictors([model_of({"scores": {name: {} for name in curves}, "curves": curves})], "test_iid")
    )
    assert points(chart.svg, "is-black-frame") == []
    assert "Black frame lies outside, at 5.50 dB" in chart.notes
    assert chart.lines[-1].label == "Model"  # drawn last, on top
    assert chart.readout["lines"][0] == {"label": "Model", "style": "is-model", "x": [1, 2], "y": [25.0, 24.0]}
