import os

import numpy as np
import pytest

from futurepred_jax import factory
from futurepred_jax.benchmarks import quantizers
from futurepred_jax.configs import tokenizer


def test_quantizers_are_compared_at_as_many_bits():
    for preset in ("debug", "tiny"):
        config = tokenizer.get_config(preset)
        bits = {}
        for row, fields in quantizers.contestants(config.model.quantizer).items():
            config.model.quantizer = fields
            bits[row] = np.log2(factory.make_magvit(config).quantizer.sizes).sum()
        assert set(bits) == {"vq", "vq-kmeans", "fsq", "lfq"}
        assert len(set(bits.values())) == 1


def test_the_table_has_a_row_for_each():
    scores = {"tokenizer_reconstruction": {"psnr": 20.125, "ssim": 0.5, "foreground_psnr": 15.0}}
    rows = {"lfq": {"scores": scores, "codebook": {"usage": 0.5, "perplexity": 3.25}}}
    assert quantizers.table(rows).splitlines()[1].split() == ["lfq", "20.12", "0.500", "15.00", "50%", "3.2"]


def test_the_first_is_compared_with_the_second(monkeypatch):
    for name in ("XLA_FLAGS", "JAX_PLATFORMS"):  # what the module sets for its own process
        monkeypatch.setenv(name, os.environ.get(name, ""))
    from futurepred_jax.benchmarks.tokenizer import Contestant, compare

    work = [np.ones((300, 300)), np.ones((30, 30))]
    square = lambda a: lambda: [a @ a for _ in range(20)]  # noqa: E731
    runs = [Contestant(10**6, 1e9, (square(a), square(a), square(a))) for a in reversed(work)]
    table = compare(dict(zip(("small", "large"), runs, strict=True)), frames=17)
    assert [line.split()[0] for line in table] == ["parameters", "small", "large", "ratio"]
    assert all(float(ratio) > 0 for ratio in table[-1].split()[1:])


@pytest.mark.slow
def test_a_quantizer_is_trained_and_scored_by_its_row(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    summary = quantizers.trained("debug", "lfq", steps=10, folder=str(tmp_path / "runs"))
    assert summary["codebook"]["sizes"] == [64, 64]
