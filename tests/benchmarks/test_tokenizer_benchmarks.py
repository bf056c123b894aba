import itertools
import os
from types import SimpleNamespace

import numpy as np
import pytest

from futurepred_jax import factory
from futurepred_jax.benchmarks import quantizers
from futurepred_jax.configs import tokenizer


def test_quantizers_are_compared_at_as_many_bits():
    for preset in ("debug", "tiny"):
        config = tokenizer.get_config(preset)
        bits = {}
        for row, fields in quantizers.variants(config.model.quantizer).items():
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
    from futurepred_jax.benchmarks.tokenizer import Implementation, compare

    work = [np.ones((300, 300)), np.ones((30, 30))]
    square = lambda a: lambda: [a @ a for _ in range(20)]  # noqa: E731
    runs = [Implementation(10**6, 1e9, (square(a), square(a), square(a))) for a in reversed(work)]
    table = compare(dict(zip(("small", "large"), runs, strict=True)), frames=17)
    assert [line.split()[0] for line in table] == ["parameters", "small", "large", "ratio"]
    assert all(float(ratio) > 0 for ratio in table[-1].split()[1:])


@pytest.mark.slow
def test_a_quantizer_is_trained_and_scored_by_its_row(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    summary = quantizers.trained("debug", "lfq", steps=10, folder=str(tmp_path / "runs"))
    assert summary["codebook"]["sizes"] == [64, 64]


@pytest.mark.slow
def test_a_learner_is_marked_on_clips_that_it_does_not_train_on(monkeypatch):
    for name in ("XLA_FLAGS", "JAX_PLATFORMS"):
        monkeypatch.setenv(name, os.environ.get(name, ""))
    from futurepred_jax.benchmarks import learning
    from futurepred_jax.models.magvit import MagVit
    from futurepred_jax.models.quantizers import VQ

    monkeypatch.setattr(learning, "FRAMES", 3)
    monkeypatch.setattr(learning, "SIDE", 8)
    model = MagVit(channels=(16,), blocks=(1,), strides=((2, 4, 4),), quantizer=VQ(16, 8), local=True)
    level = np.random.default_rng(0).integers(0, 256, (40, 1, 1, 1, 3))
    clips = np.broadcast_to(level, (40, 3, 8, 8, 3)).astype(np.uint8)
    seconds = itertools.count()  # whatever the machine, a step takes one
    monkeypatch.setattr(learning, "time", SimpleNamespace(process_time=lambda: float(next(seconds))))
    first, *_, last = learning.learn(learning.ours(model), clips[:32], clips[32:], seconds=80.0, marks=4)
    assert (first.seconds, last.seconds) == (20, 80)
    assert (first.clips, last.clips) == (20 * learning.BATCH, 80 * learning.BATCH)
    assert last.psnr > first.psnr + 1
