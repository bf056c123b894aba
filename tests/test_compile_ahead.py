"""Compiling ahead needs neither data nor weights, tells what a program needs, and refuses what does not fit."""

import dataclasses
import json

import jax
import pytest

from futurepred_jax import compile_ahead
from futurepred_jax.configs import baseline, slowfast, tokenizer
from futurepred_jax.training import topology
from futurepred_jax.training.ahead import Compiled, Memory
from futurepred_jax.training.forecast import describe

GIB = 2**30


def program(total, *, devices=8, state=GIB, limit=16 * GIB):
    memory = Memory({"parameters": state, "batch": 1}, 0, total - state, 0, total, limit)
    return Compiled("training step", "v5e", devices, 1.0, 10, 1e9, memory, None, None)


@pytest.fixture
def here(monkeypatch):
    """Eight simulated devices in place of a topology's."""
    chip = topology.Chip(platform="cpu", memory=GIB, flops=1e11, bandwidth=1e10, link=1e10)
    monkeypatch.setattr(topology, "find", lambda _: topology.Topology("cpu", chip, jax.devices()))


@pytest.fixture
def config():
    config = tokenizer.get_config("debug")
    config.train.batch_size = 8
    config.train.optimizer = "adamw"  # compiles in a fraction of the time
    del config.train.adam_learning_rate
    config.logging.val_batches = 1
    config.model.channels = (16,)
    config.evaluation.batch_size = 2
    return config


def test_a_config_is_compiled_without_data_or_weights(here, config, tmp_path, capsys):
    config.compile.topology = "cpu:8"
    compile_ahead.run(config, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["compile.json"]
    document = json.loads((tmp_path / "compile.json").read_text())
    assert document["mesh"] == {"data": 8, "fsdp": 1, "tensor": 1}
    step, inference = document["programs"]
    weights = step["memory"]["arguments"]["parameters"]
    assert weights == 4 * step["parameters"]
    assert 2 * weights <= step["memory"]["arguments"]["optimizer state"] < 2.1 * weights
    assert step["collectives"]["all-reduce"]["bytes"] >= weights  # of the gradients
    assert (step["devices"], inference["devices"], inference["collectives"]) == (8, 1, {})
    printed = capsys.readouterr().out
    for words in (f"{step['parameters']:,} parameters", "temporaries", "all-reduce", "at best", "fits"):
        assert words in printed


def test_what_does_not_fit_is_refused_with_what_to_change():
    config = baseline.get_config("large")
    compile_ahead.require_fit([program(15 * GIB)], config)
    with pytest.raises(
        compile_ahead.DoesNotFitError, match=r"2\.00 times.*about 17 devices.* to about 120.*accumulate=4"
    ):
        compile_ahead.require_fit([program(15 * GIB), program(32 * GIB)], config)
    with pytest.raises(compile_ahead.DoesNotFitError, match=r"evaluation\.batch_size from 4 to about 1"):
        compile_ahead.require_fit([program(32 * GIB, devices=1)], config)
    with pytest.raises(compile_ahead.DoesNotFitError, match=r"larger --config\.mesh\.fsdp"):
        compile_ahead.require_fit([program(32 * GIB, state=20 * GIB)], config)


def test_rematerialising_is_advised_where_it_is_off():
    config = baseline.get_config("large")
    config.model.remat = False
    with pytest.raises(compile_ahead.DoesNotFitError, match=r"--config\.model\.remat=True"):
        compile_ahead.require_fit([program(32 * GIB)], config)


def test_turns_are_not_advised_where_the_batch_is_normalised_as_a_whole():
    with pytest.raises(compile_ahead.DoesNotFitError, match="devices") as refused:
        compile_ahead.require_fit([program(32 * GIB)], slowfast.get_config("base"))
    assert "accumulate" not in str(refused.value)


def test_a_program_that_the_compiler_refused_is_described_without_what_is_not_known():
    refused = program(32 * GIB)
    refused = dataclasses.replace(refused, memory=dataclasses.replace(refused.memory, outputs=None, code=None))
    words = describe(refused)
    assert "does not fit" in words
    assert "roofline" not in words
