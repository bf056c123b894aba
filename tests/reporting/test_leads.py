"""When one model counts as better than another."""

import math

import pytest

from futurepred_jax.reporting.leads import Lead
from futurepred_jax.reporting.vocabulary import METRICS


@pytest.mark.parametrize(
    ("metric", "low", "high", "sign"),
    [
        ("psnr", 0.2, 0.8, 1),
        ("psnr", -0.8, -0.2, -1),
        ("psnr", -0.2, 0.8, 0),
        ("ade", 0.2, 0.8, -1),
        ("psnr", math.nan, math.nan, 0),  # a single clip
    ],
)
def test_a_lead_counts_if_its_interval_is_known_and_excludes_zero(metric, low, high, sign):
    assert Lead(METRICS[metric], 0.5 * (1 if low > 0 else -1), low, high).sign == sign


def test_a_lead_that_is_printed_as_zero_or_that_seeds_disagree_on_does_not_count():
    assert Lead(METRICS["psnr"], 0.001, 0.0005, 0.002).sign == 0
    assert Lead(METRICS["psnr"], 0.5, 0.2, 0.8, seeds_agree=False).sign == 0
