"""Tokens a pass of a predictor's drafts."""

import pytest
from untrained import untrained

from futurepred_jax import Predictor
from futurepred_jax.benchmarks import speculation
from futurepred_jax.configs import baseline


@pytest.fixture(scope="module")
def predictor(tmp_path_factory):
    return Predictor.from_workdir(untrained(baseline.get_config("debug"), tmp_path_factory.mktemp("untrained")))


def test_drafts_save_passes_and_change_no_token(predictor):
    contexts = speculation.contexts_at(predictor.config, "heavy", 2)
    assert contexts.shape == (2, 5, 32, 32, 3)
    assert (contexts != speculation.contexts_at(predictor.config, "clean", 2)).any()
    row = speculation.measure(predictor, contexts, temperature=None, run=6)
    assert 1 < row.per_pass <= 6
    assert row.same == 1
