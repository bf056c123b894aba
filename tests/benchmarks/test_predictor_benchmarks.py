import os
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from untrained import untrained

from futurepred_jax.configs import baseline


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    """What the module sets for its own process."""
    for name in ("XLA_FLAGS", "JAX_PLATFORMS"):
        monkeypatch.setenv(name, os.environ.get(name, ""))


def test_all_are_compared_with_the_peer_and_those_that_train_are_trained(monkeypatch):
    from futurepred_jax.benchmarks import predictor

    monkeypatch.setattr(predictor, "speeds", lambda: (1e12, 1e12))
    large, small = (partial(lambda a: [a @ a for _ in range(20)], np.ones((n, n))) for n in (300, 30))
    one = predictor.Implementation(10**6, 1e6, dict.fromkeys(predictor.BATCHES, small), 1e9, large)
    implementations = {"ours": one, "drafted": one._replace(train=None), "peer": one._replace(train=small)}
    lines = predictor.compare(implementations)
    assert [line.split()[0] for line in lines] == ["decoding", "ours", "drafted", "peer", "training", "ours", "peer"]
    assert lines[3].split()[3::2] == ["1.00", "1.00"]
    assert float(lines[5].split()[2]) < 1


def test_a_trained_predictor_is_timed_with_drafts_and_without(tmp_path):
    from futurepred_jax.benchmarks import predictor

    workdir = untrained(baseline.get_config("debug"), tmp_path)
    found = predictor.trained(str(workdir))
    assert [len(one.decode) for one in found.values()] == [len(predictor.BATCHES)] * 2
    plain, drafted = found.values()
    assert plain.new == drafted.new == 64
    assert plain.bytes_read > drafted.bytes_read
    futures = plain.decode[1]()
    assert (futures.passes == 64).all()
    assert (drafted.decode[1]().tokens == futures.tokens).all()


def test_the_transformer_has_the_peers_length_and_ten_million_parameters():
    from futurepred_jax.benchmarks import predictor

    model, length = predictor.base(), predictor.CONTEXT + predictor.NEW
    assert np.prod(model.grid) == length
    shapes = jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, length, 1), int))
    assert 9.5e6 < sum(leaf.size for leaf in jax.tree.leaves(shapes)) < 10.5e6
